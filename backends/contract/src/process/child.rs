//! One child: started in a process group of its own, read within bounds, killed with its group, and reaped.

use std::io::{self, Read, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, WaitId, WaitIdOptions, WaitOptions, waitid, waitpgid, waitpid};
use zeroize::Zeroize as _;

use super::buffer::Buffer;
use super::cancellation::{Cancellation, kill};
use super::{End, Finished, Invocation, ProcessError};

/// How much of the standard error is kept for the log.
const KEPT_ERROR_BYTES: usize = 8 << 10;

/// How much standard error a child may write.
const MAX_ERROR_BYTES: usize = 1 << 20;

/// How often the end of a child is looked for on systems that do not report it on a descriptor.
const LOOK_INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

pub(super) fn run(invocation: &Invocation<'_>, attempt: &Cancellation) -> Result<Finished, ProcessError> {
    let mut child = spawn(invocation).map_err(ProcessError::Start)?;
    let reaped_on_drop = Group { leader: Pid::from_child(&child), attempt };
    if !attempt.started(reaped_on_drop.leader) {
        return Err(ProcessError::Cancelled);
    }
    let mut streams = Streams::of(&mut child, invocation).map_err(ProcessError::System)?;
    let end = streams.follow(&reaped_on_drop)?;
    // The group first: what is then in the pipes is all that there will be.
    kill(reaped_on_drop.leader);
    streams.read()?;
    drop(reaped_on_drop);
    if attempt.is_cancelled() {
        return Err(ProcessError::Cancelled);
    }
    Ok(Finished {
        end,
        output: streams.output.buffer.into_bytes(),
        errors: streams.errors.buffer.into_bytes(),
    })
}

/// The standard library opens every descriptor so that a child does not inherit it.
fn spawn(invocation: &Invocation<'_>) -> io::Result<Child> {
    let mut command = Command::new(invocation.program);
    command
        .args(invocation.arguments)
        .env_clear()
        .envs(invocation.environment.variables())
        .current_dir(invocation.folder)
        .stdin(if invocation.input.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command.spawn()
}

/// The process group of a child, killed and reaped on drop.
struct Group<'a> {
    leader: Pid,
    attempt: &'a Cancellation,
}

impl Group<'_> {
    /// How the leader ended, without reaping it; `None` while it runs.
    fn end(&self) -> Result<Option<End>, ProcessError> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(self.leader), options));
        let status = status.map_err(|error| ProcessError::System(error.into()))?;
        Ok(status.and_then(|status| {
            let signal = || status.terminating_signal().map(End::Signal);
            status.exit_status().map(End::Code).or_else(signal)
        }))
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        kill(self.leader);
        self.attempt.ended();
        // Grandchildren become children of this process if it is the first one of a container.
        let mut leader_was_reaped = false;
        loop {
            match waitpgid(self.leader, WaitOptions::empty()) {
                Ok(Some((reaped, _))) => leader_was_reaped |= reaped == self.leader,
                Err(rustix::io::Errno::INTR) => {}
                Ok(None) | Err(_) => break,
            }
        }
        if !leader_was_reaped {
            let _ = rustix::io::retry_on_intr(|| waitpid(Some(self.leader), WaitOptions::empty()));
        }
    }
}

/// One of the two streams that a child writes.
struct Stream<R> {
    /// `None` after its end.
    pipe: Option<R>,
    buffer: Buffer,
    max_bytes: usize,
}

impl<R: Read + AsFd> Stream<R> {
    fn new(pipe: Option<R>, max_kept: usize, max_bytes: usize) -> io::Result<Self> {
        pipe.as_ref().map(unblock).transpose()?;
        Ok(Self { pipe, buffer: Buffer::new(max_kept), max_bytes })
    }

    /// Reads what is there. Returns false if it is too much.
    fn read(&mut self) -> io::Result<bool> {
        let mut part = [0; 8 << 10];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut part) {
                Ok(0) => self.pipe = None,
                Ok(length) => self.buffer.push(&part[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.buffer.total() > self.max_bytes {
                part.zeroize();
                return Ok(false);
            }
        }
        part.zeroize();
        Ok(true)
    }
}

/// The three streams of a child.
struct Streams<'a> {
    input: Option<(ChildStdin, &'a [u8])>,
    output: Stream<std::process::ChildStdout>,
    errors: Stream<std::process::ChildStderr>,
}

impl<'a> Streams<'a> {
    fn of(child: &mut Child, invocation: &Invocation<'a>) -> io::Result<Self> {
        let input = child.stdin.take();
        input.as_ref().map(unblock).transpose()?;
        let max = invocation.max_output_bytes;
        Ok(Self {
            input: input.map(|pipe| (pipe, invocation.input)),
            output: Stream::new(child.stdout.take(), max, max)?,
            errors: Stream::new(child.stderr.take(), KEPT_ERROR_BYTES, MAX_ERROR_BYTES)?,
        })
    }

    /// Writes the input and reads the output until the leader of `group` has ended, whoever else holds the pipes.
    fn follow(&mut self, group: &Group<'_>) -> Result<End, ProcessError> {
        let ending = ending(group.leader);
        loop {
            if let Some(end) = group.end()? {
                return Ok(end);
            }
            self.wait(ending.as_ref()).map_err(ProcessError::System)?;
            self.write().map_err(ProcessError::System)?;
            self.read()?;
        }
    }

    /// Waits until there is something to read or to write, or the child has ended.
    fn wait(&self, ending: Option<&OwnedFd>) -> io::Result<()> {
        let readable = [
            ending.map(AsFd::as_fd),
            self.output.pipe.as_ref().map(AsFd::as_fd),
            self.errors.pipe.as_ref().map(AsFd::as_fd),
        ];
        let writable = self.input.as_ref().map(|(pipe, _)| pipe.as_fd());
        let readable = readable.into_iter().flatten().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        let writable = writable.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT));
        let mut descriptors: Vec<PollFd<'_>> = readable.chain(writable).collect();
        let timeout = ending.is_none().then_some(&LOOK_INTERVAL);
        match poll(&mut descriptors, timeout) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes as much of the input as the child takes. One that does not read it may end as it likes.
    fn write(&mut self) -> io::Result<()> {
        while let Some((pipe, rest)) = &mut self.input {
            match pipe.write(rest) {
                Ok(length) if length < rest.len() => *rest = &rest[length..],
                Ok(_) => self.input = None,
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.input = None,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is in the pipes.
    fn read(&mut self) -> Result<(), ProcessError> {
        if !self.output.read().map_err(ProcessError::System)? {
            return Err(ProcessError::TooMuchOutput(self.output.max_bytes));
        }
        if !self.errors.read().map_err(ProcessError::System)? {
            return Err(ProcessError::TooManyErrors(self.errors.max_bytes));
        }
        Ok(())
    }
}

/// A descriptor that becomes readable when the process ends; `None` if the system has none.
#[cfg(target_os = "linux")]
fn ending(process: Pid) -> Option<OwnedFd> {
    rustix::process::pidfd_open(process, rustix::process::PidfdFlags::empty()).ok()
}

/// Other systems: see [`LOOK_INTERVAL`].
#[cfg(not(target_os = "linux"))]
fn ending(_: Pid) -> Option<OwnedFd> {
    None
}

fn unblock(pipe: impl AsFd) -> io::Result<()> {
    let flags = fcntl_getfl(&pipe)?;
    Ok(fcntl_setfl(&pipe, flags | OFlags::NONBLOCK)?)
}
