//! Children that behave badly: they hang, flood, fork, ignore signals, and end oddly.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // in a test a panic is the report

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use cofferdam_vault::process::{Attempt, End, Environment, Finished, Invocation, ProcessError, supervise};
use cofferdam_vault::{Scope, Threads};
use rustix::fs::{CWD, FileType, Mode, mknodat};

const MAX_OUTPUT: usize = 1 << 20;

/// Runs `script` in a shell, with `argument` as `$1`.
fn run(attempt: &Attempt, script: &str, argument: &Path, input: &[u8]) -> Result<Finished, ProcessError> {
    let arguments = ["-c", script, "sh", argument.to_str().unwrap()].map(str::to_owned);
    attempt.run(&Invocation {
        program: Path::new("/bin/sh"),
        arguments: &arguments,
        environment: &Environment::of_this_process([]).with("ONLY", "this one"),
        folder: Path::new("/"),
        input,
        max_output_bytes: MAX_OUTPUT,
    })
}

fn finished(script: &str) -> Finished {
    run(&Attempt::default(), script, Path::new(""), b"").unwrap()
}

fn text(output: &[u8]) -> &str {
    std::str::from_utf8(output).unwrap()
}

/// A FIFO in a folder of its own. A process that opened it for writing has ended when a reader reads to the end.
struct Fifo(tempfile::TempDir);

impl Fifo {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        mknodat(CWD, folder.path().join("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("fifo")
    }

    /// Reads until no process can write any more.
    fn read_to_the_end(&self) -> String {
        let mut text = String::new();
        File::open(self.path()).unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

#[test]
fn a_child_reports_its_output_and_how_it_ended() {
    for (script, end, output) in [
        ("echo out; echo err >&2", End::Code(0), "out\n"),
        ("printf part; exit 7", End::Code(7), "part"),
        ("exit 255", End::Code(255), ""),
        ("kill -KILL $$", End::Signal(9), ""),
        ("echo before; kill -TERM $$", End::Signal(15), "before\n"),
    ] {
        let finished = finished(script);
        assert_eq!((finished.end, text(&finished.output)), (end, output), "{script}");
    }
    assert_eq!(text(&finished("echo err >&2").errors), "err\n");
    assert!(!format!("{:?}", finished("echo canary; echo canary >&2")).contains("canary"));
}

#[test]
fn a_child_gets_its_environment_and_its_folder_and_nothing_else() {
    let environment = finished("/usr/bin/env; pwd");
    let mut lines: Vec<&str> = text(&environment.output).lines().collect();
    lines.sort_unstable();
    // The shell itself adds `PWD`.
    assert_eq!(lines, ["/", "ONLY=this one", "PATH=/usr/local/bin:/usr/bin:/bin", "PWD=/"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_inherits_no_descriptor() {
    use std::os::fd::AsRawFd as _;
    let file = tempfile::tempfile().unwrap();
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listed = finished("ls /proc/$$/fd");
    let listed: Vec<i32> = text(&listed.output).lines().map(|fd| fd.parse().unwrap()).collect();
    for own in [file.as_raw_fd(), socket.as_raw_fd()] {
        assert!(own > 2 && !listed.contains(&own), "{own} of {listed:?}");
    }
    assert!([0, 1, 2].iter().all(|fd| listed.contains(fd)), "{listed:?}");
}

#[test]
fn input_and_output_larger_than_a_pipe_pass_at_the_same_time() {
    let input = vec![b'x'; MAX_OUTPUT];
    let finished = run(&Attempt::default(), "cat", Path::new(""), &input).unwrap();
    assert_eq!((finished.end, finished.output.len()), (End::Code(0), MAX_OUTPUT));
}

#[test]
fn a_child_may_leave_its_input_unread() {
    let input = vec![b'x'; MAX_OUTPUT];
    // The last one ends only after its output was read several times, and its input was found closed.
    for script in ["exit 0", "read -r line; exit 0", "exec <&-; head -c 500000 /dev/zero"] {
        let finished = run(&Attempt::default(), script, Path::new(""), &input).unwrap();
        assert_eq!(finished.end, End::Code(0), "{script}");
    }
}

#[test]
fn a_flood_is_cut_off_and_its_group_is_killed() {
    let fifo = Fifo::new();
    for (script, is_output) in [
        ("exec 9>\"$1\"; yes", true),
        ("exec 9>\"$1\"; yes >&2", false),
        ("exec 9>\"$1\"; trap '' TERM PIPE; while :; do echo flood; done", true),
        ("exec 9>\"$1\"; yes & wait", true),
    ] {
        std::thread::scope(|scope| {
            let dead = scope.spawn(|| fifo.read_to_the_end());
            let error = run(&Attempt::default(), script, &fifo.path(), b"").unwrap_err();
            let kind = match &error {
                ProcessError::TooMuchOutput(_) => Some(true),
                ProcessError::TooManyErrors(_) => Some(false),
                _ => None,
            };
            assert_eq!(kind, Some(is_output), "{script}: {error}");
            assert_eq!(dead.join().unwrap(), "", "{script}");
        });
    }
}

#[test]
fn a_grandchild_that_keeps_the_pipes_delays_nothing_and_is_killed() {
    let fifo = Fifo::new();
    for script in [
        "exec 9>\"$1\"; sleep 1000 & echo done",
        "exec 9>\"$1\"; (trap '' TERM HUP; sleep 1000; sleep 1000) & echo done",
        "exec 9>\"$1\"; (sleep 1000 & sleep 1000) & echo done",
    ] {
        std::thread::scope(|scope| {
            let dead = scope.spawn(|| fifo.read_to_the_end());
            let finished = run(&Attempt::default(), script, &fifo.path(), b"").unwrap();
            assert_eq!((finished.end, text(&finished.output)), (End::Code(0), "done\n"), "{script}");
            assert_eq!(dead.join().unwrap(), "", "{script}");
        });
    }
}

/// Each script writes its process ID into the FIFO and then never ends.
#[tokio::test]
async fn a_dropped_attempt_kills_and_reaps_its_group() {
    for script in [
        "exec 9>\"$1\"; echo $$ >&9; sleep 1000",
        "exec 9>\"$1\"; trap '' TERM INT HUP; echo $$ >&9; while :; do :; done",
        "exec 9>\"$1\"; echo $$ >&9; kill -STOP $$",
        "exec 9>\"$1\"; sleep 1000 & sleep 1000 & echo $$ >&9; wait",
        "exec 9>\"$1\"; echo $$ >&9; exec <&- >&- 2>&-; while :; do :; done",
    ] {
        let (fifo, threads) = (Fifo::new(), Threads::new("children", 1));
        let (path, (started, was_started)) = (fifo.path(), mpsc::channel());
        let reader = std::thread::spawn(move || {
            let mut fifo = File::open(fifo.path()).unwrap();
            let mut part = [0; 32];
            let length = fifo.read(&mut part).unwrap();
            started.send(text(&part[..length]).trim().to_owned()).unwrap();
            fifo.read_to_end(&mut Vec::new()).unwrap()
        });
        let (report, reported) = mpsc::channel();
        let hanging = supervise(&threads, move |attempt| {
            let first = run(attempt, script, &path, b"").map(drop);
            let second = run(attempt, "exit 0", &path, b"").map(drop);
            report.send((first, second)).unwrap();
            Ok(())
        });
        let mut hanging = Box::pin(hanging);
        let process = loop {
            tokio::select! {
                biased;
                _ = &mut hanging => panic!("{script} has ended"),
                () = tokio::task::yield_now() => {}
            }
            if let Ok(process) = was_started.try_recv() {
                break process;
            }
        };
        drop(hanging);
        assert_eq!(reader.join().unwrap(), 0, "{script}");
        let (first, second) = reported.recv().unwrap();
        assert!(matches!(first, Err(ProcessError::Cancelled)), "{script}: {first:?}");
        assert!(matches!(second, Err(ProcessError::Cancelled)), "{script}: no further child is started");
        if cfg!(target_os = "linux") {
            assert!(!Path::new("/proc").join(&process).exists(), "{script}: {process} was not reaped");
        }
        let next = supervise(&threads, |attempt| {
            run(attempt, "exit 3", Path::new(""), b"")
                .map_err(|error| error.into_vault_error(Path::new("sh"), Scope::Vault))
        });
        assert_eq!(next.await.unwrap().end, End::Code(3), "the thread is free again");
    }
}

#[test]
fn what_cannot_be_started_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    std::fs::write(&text, "no program").unwrap();
    let environment = Environment::of_this_process([]);
    let start = |program: &Path, folder: &Path, argument: &str| {
        let arguments = [argument.to_owned()];
        let invocation = Invocation {
            program,
            arguments: &arguments,
            environment: &environment,
            folder,
            input: b"",
            max_output_bytes: 1,
        };
        let error = Attempt::default().run(&invocation).unwrap_err();
        assert!(matches!(error, ProcessError::Start(_)), "{error}");
        error.into_vault_error(program, Scope::Secret).kind().as_str()
    };
    let shell = Path::new("/bin/sh");
    assert_eq!(start(&folder.path().join("absent"), Path::new("/"), ""), "misconfigured");
    assert_eq!(start(&text, Path::new("/"), ""), "misconfigured");
    assert_eq!(start(shell, &folder.path().join("absent"), ""), "misconfigured");
    assert_eq!(start(shell, Path::new("/"), "a\0b"), "misconfigured");
    assert_eq!(start(shell, Path::new("/"), &"x".repeat(1 << 20)), "misconfigured");
}
