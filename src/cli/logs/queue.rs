//! A queue for log lines, written by a thread of its own, so that logging never blocks.
//!
//! A pipe without a reader is full after 64 KiB (on Linux), and each further write to it blocks. An MCP host that does not
//! read our standard error, or a stalled log collector, would thus block every call of every module. Lines for which the
//! queue has no capacity are dropped and counted. Their number is reported as soon as lines can be written again.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// The capacity of the queue, in bytes. Enough for the lines of a few thousand calls.
const CAPACITY_BYTES: usize = 1024 * 1024;

/// How long the thread lets lines gather before it writes them together. To wake it for each line would cost each call two
/// switches between threads.
const GATHER: Duration = Duration::from_millis(5);

/// A handle to the queue.
#[derive(Debug, Clone)]
pub(super) struct Queue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    waiting: Vec<u8>,
    /// The number of lines that were dropped since the last report.
    lost: u64,
    /// Whether the thread is writing lines.
    writing: bool,
    /// How many flushes wait for the thread.
    flushes: usize,
}

impl Lines {
    /// Whether to write at once: somebody waits, or the queue is half full.
    fn are_due(&self) -> bool {
        self.flushes > 0 || self.waiting.len() >= CAPACITY_BYTES / 2
    }
}

impl Queue {
    /// Starts the thread that writes to `out`. It calls `lost` with the number of dropped lines; `lost` may log it.
    ///
    /// Errors of `out` are ignored: there is nowhere else to report them.
    ///
    /// # Errors
    ///
    /// Returns an error if the system provides no thread.
    pub(super) fn start(
        out: impl Write + Send + 'static,
        lost: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Self(Arc::default());
        let shared = Arc::clone(&queue.0);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || shared.write(out, lost))?;
        Ok(queue)
    }

    /// Waits until all lines are written, at most for `timeout`.
    pub(super) fn flush(&self, timeout: Duration) {
        let unwritten = |lines: &mut Lines| lines.writing || !lines.waiting.is_empty();
        let mut lines = self.0.lock();
        lines.flushes += 1;
        self.0.changed.notify_all();
        // After the timeout the remaining lines have no reader.
        let waited = self.0.changed.wait_timeout_while(lines, timeout, unwritten);
        waited.unwrap_or_else(PoisonError::into_inner).0.flushes -= 1;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, mut out: impl Write, report_lost: impl Fn(u64)) {
        let mut batch = Vec::new();
        loop {
            let lost = self.next(&mut batch);
            let _ = out.write_all(&batch).and_then(|()| out.flush());
            if lost > 0 {
                report_lost(lost);
            }
        }
    }

    /// Waits for lines and lets them gather, and swaps them for `batch`, which has been written. Returns the number of
    /// dropped lines.
    fn next(&self, batch: &mut Vec<u8>) -> u64 {
        batch.clear();
        let mut lines = self.lock();
        lines.writing = false;
        self.changed.notify_all();
        let is_empty = |lines: &mut Lines| lines.waiting.is_empty();
        lines = self.changed.wait_while(lines, is_empty).unwrap_or_else(PoisonError::into_inner);
        let gather = |lines: &mut Lines| !lines.are_due();
        let gathered = self.changed.wait_timeout_while(lines, GATHER, gather);
        lines = gathered.unwrap_or_else(PoisonError::into_inner).0;
        lines.writing = true;
        std::mem::swap(&mut lines.waiting, batch);
        std::mem::take(&mut lines.lost)
    }
}

impl<'q> MakeWriter<'q> for Queue {
    type Writer = &'q Self;

    fn make_writer(&'q self) -> Self::Writer {
        self
    }
}

impl Write for &Queue {
    /// Queues a line, which the formatter writes in one call, or drops it. Never fails.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut lines = self.0.lock();
        if lines.waiting.len() + line.len() <= CAPACITY_BYTES {
            let (was_empty, was_due) = (lines.waiting.is_empty(), lines.are_due());
            lines.waiting.extend_from_slice(line);
            if was_empty || lines.are_due() != was_due {
                self.0.changed.notify_all();
            }
        } else {
            lines.lost += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

    use super::*;

    /// Longer than anything here takes, even on a machine under load.
    const LONG: Duration = Duration::from_secs(60);

    /// Reports what it is given to write, and writes it when the test permits.
    struct Pipe {
        writes: Sender<Vec<u8>>,
        permits: Receiver<()>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.writes.send(bytes.to_vec());
            let _ = self.permits.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct TestEnv {
        queue: Queue,
        writes: Receiver<Vec<u8>>,
        permits: SyncSender<()>,
        lost: Receiver<u64>,
    }

    fn test_env() -> TestEnv {
        let (write_sender, writes) = channel();
        let (permits, permit_receiver) = sync_channel(64);
        let (lost_sender, lost) = channel();
        let pipe = Pipe { writes: write_sender, permits: permit_receiver };
        let queue = Queue::start(pipe, move |lines| lost_sender.send(lines).unwrap_or_default()).unwrap();
        TestEnv { queue, writes, permits, lost }
    }

    #[test]
    fn logging_does_not_block_and_lines_stay_whole_and_in_order() {
        let env = test_env();
        (&env.queue).write_all(b"first\n").unwrap();
        assert_eq!(env.writes.recv_timeout(LONG).unwrap(), b"first\n");
        // The thread is now blocked in its write.
        (&env.queue).write_all(b"second\n").unwrap();
        (&env.queue).write_all(b"third\n").unwrap();
        env.permits.send(()).unwrap();
        assert_eq!(env.writes.recv_timeout(LONG).unwrap(), b"second\nthird\n");
    }

    #[test]
    fn lines_beyond_the_capacity_are_dropped_whole_and_reported_once() {
        let env = test_env();
        (&env.queue).write_all(b"first\n").unwrap();
        env.writes.recv_timeout(LONG).unwrap();
        let line = [b"x".repeat(CAPACITY_BYTES / 4 - 1), b"\n".to_vec()].concat();
        for _ in 0..7 {
            (&env.queue).write_all(&line).unwrap();
        }
        env.permits.send(()).unwrap();
        assert_eq!(env.writes.recv_timeout(LONG).unwrap(), line.repeat(4));
        env.permits.send(()).unwrap();
        assert_eq!(env.lost.recv_timeout(LONG).unwrap(), 3);
        (&env.queue).write_all(b"after\n").unwrap();
        assert_eq!(env.writes.recv_timeout(LONG).unwrap(), b"after\n");
        env.permits.send(()).unwrap();
        env.queue.flush(LONG);
        assert!(env.lost.try_recv().is_err(), "reported twice");
    }

    #[test]
    fn a_flush_waits_for_the_last_line_until_its_timeout() {
        let env = test_env();
        env.queue.flush(LONG);
        (&env.queue).write_all(b"last\n").unwrap();
        // Without a reader the flush times out.
        env.queue.flush(Duration::from_millis(1));
        env.permits.send(()).unwrap();
        env.queue.flush(LONG);
        assert_eq!(env.writes.try_recv().unwrap(), b"last\n");
    }
}
