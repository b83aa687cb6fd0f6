//! A program that runs for the length of a test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A started program; killed, by its process id, when dropped.
///
/// Its standard error is collected, so that a full pipe never blocks it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    stderr: Arc<Mutex<String>>,
    collector: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts `command` with its output piped.
    ///
    /// # Errors
    ///
    /// Where the program cannot be started.
    pub fn start(command: &mut Command) -> std::io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let missing = || std::io::Error::other("the pipe is gone");
        let stdout = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let mut errors = BufReader::new(child.stderr.take().ok_or_else(missing)?);
        let stderr = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&stderr);
        let collector = std::thread::spawn(move || {
            let mut line = Vec::new();
            while errors.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line);
                sink.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
                line.clear();
            }
        });
        Ok(Self { child, stdout, stderr, collector: Some(collector) })
    }

    /// The next line of its standard output, or `None` at the end.
    ///
    /// # Errors
    ///
    /// Where the pipe cannot be read.
    pub fn line(&mut self) -> std::io::Result<Option<String>> {
        let mut line = String::new();
        let read = self.stdout.read_line(&mut line)?;
        Ok((read > 0).then(|| line.trim_end().to_owned()))
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end; answers its status, the rest of its standard output, and all of its standard error.
    ///
    /// # Errors
    ///
    /// Where it cannot be waited for.
    pub fn wait(mut self) -> std::io::Result<(ExitStatus, String, String)> {
        let mut rest = Vec::new();
        self.stdout.read_to_end(&mut rest)?;
        let status = self.child.wait()?;
        if let Some(collector) = self.collector.take() {
            // It ends with the pipe, and cannot panic.
            let _ = collector.join();
        }
        let stderr = self.stderr();
        Ok((status, String::from_utf8_lossy(&rest).into_owned(), stderr))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
