//! A program that runs for the length of a test.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A started program; killed, by its process id, when dropped.
///
/// Its output is collected as it comes, so that a full pipe never blocks it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Arc<Mutex<String>>,
    collectors: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts `command` with its output piped and nothing on its standard input.
    ///
    /// # Errors
    ///
    /// If the program cannot be started.
    pub fn start(command: &mut Command) -> std::io::Result<Self> {
        Self::spawn(command.stderr(Stdio::piped()))
    }

    /// As [`Running::start`], with its standard error in the file `log` alone: for what logs more than a test wants to keep.
    ///
    /// # Errors
    ///
    /// If the program cannot be started.
    pub fn start_logging(command: &mut Command, log: File) -> std::io::Result<Self> {
        Self::spawn(command.stderr(log))
    }

    fn spawn(command: &mut Command) -> std::io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let missing = || std::io::Error::other("the pipe is gone");
        let (lines, stdout) = channel();
        let stderr = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&stderr);
        let mut collectors = vec![each_line(child.stdout.take().ok_or_else(missing)?, move |line| {
            // The receiver is gone: the test is over.
            let _ = lines.send(line.trim_end().to_owned());
        })];
        collectors.extend(child.stderr.take().map(|pipe| {
            each_line(pipe, move |line| {
                sink.lock().unwrap_or_else(PoisonError::into_inner).push_str(line);
            })
        }));
        Ok(Self { child, stdout, stderr, collectors })
    }

    /// The next line of its standard output, or `None` at the end. Waits for it.
    pub fn line(&mut self) -> Option<String> {
        self.stdout.recv().ok()
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub fn is_running(&mut self) -> std::io::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Waits for its end. Returns its status, the rest of its standard output, and all of its standard error.
    ///
    /// # Errors
    ///
    /// If it cannot be waited for.
    pub fn wait(mut self) -> std::io::Result<(ExitStatus, String, String)> {
        let status = self.child.wait()?;
        for collector in self.collectors.drain(..) {
            // It ends with its pipe, and cannot panic.
            let _ = collector.join();
        }
        let rest: Vec<String> = self.stdout.try_iter().collect();
        Ok((status, rest.join("\n"), self.stderr()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn each_line(
    pipe: impl Read + Send + 'static,
    mut take: impl FnMut(&str) + Send + 'static,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            take(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}
