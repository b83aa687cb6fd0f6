//! Log lines on their way out: who logs never waits for who reads.
//!
//! A pipe that nobody reads is soon full (64 KiB on Linux), and a write to it then waits for as long as that lasts. A host that
//! never looks at our standard error, or a collector that stands still, would so stop every call of every module. Therefore a
//! thread of its own writes the lines. What finds no room is lost, counted, and told as soon as there is room again.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How many bytes of lines may wait: a few thousand calls.
const ROOM: usize = 1024 * 1024;

/// Lines that wait for the thread that writes them.
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
    /// How many found no room since the last were told.
    lost: u64,
    /// Whether the thread holds some that it has not yet written.
    writing: bool,
}

impl Queue {
    /// Starts the thread that writes to `out`. `lost` is told how many lines were lost, and may log it.
    ///
    /// A reader that has gone is no error: nobody is left to tell.
    ///
    /// # Errors
    ///
    /// Where the system gives no thread.
    pub(super) fn start(
        out: impl Write + Send + 'static,
        lost: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Self(Arc::default());
        let shared = Arc::clone(&queue.0);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || shared.write(out, lost))?;
        Ok(queue)
    }

    /// Waits until all is written, for `patience` at most.
    pub(super) fn finish(&self, patience: Duration) {
        let unwritten = |lines: &mut Lines| lines.writing || !lines.waiting.is_empty();
        // Written or not: what is left then has no reader.
        let _ = self.0.changed.wait_timeout_while(self.0.lock(), patience, unwritten);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, mut out: impl Write, told: impl Fn(u64)) {
        let mut batch = Vec::new();
        loop {
            let lost = self.next(&mut batch);
            let _ = out.write_all(&batch).and_then(|()| out.flush());
            if lost > 0 {
                told(lost);
            }
        }
    }

    /// Swaps `batch`, which has been written, for what waits, or comes next; answers how many lines were lost meanwhile.
    fn next(&self, batch: &mut Vec<u8>) -> u64 {
        batch.clear();
        let mut lines = self.lock();
        lines.writing = false;
        self.changed.notify_all();
        let nothing = |lines: &mut Lines| lines.waiting.is_empty();
        lines = self.changed.wait_while(lines, nothing).unwrap_or_else(PoisonError::into_inner);
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
    /// Takes a line, which the formatter writes in one piece; or loses it, which is no error for who logs.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut lines = self.0.lock();
        if lines.waiting.len() + line.len() <= ROOM {
            lines.waiting.extend_from_slice(line);
            self.0.changed.notify_all();
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

    /// Longer than any of this takes, even on a machine that stands still now and then.
    const LONG: Duration = Duration::from_secs(60);

    /// Says what it was given to write, and writes it when it is let.
    struct Pipe {
        given: Sender<Vec<u8>>,
        lets: Receiver<()>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.given.send(bytes.to_vec());
            let _ = self.lets.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Site {
        queue: Queue,
        given: Receiver<Vec<u8>>,
        lets: SyncSender<()>,
        lost: Receiver<u64>,
    }

    fn site() -> Site {
        let (given, to_look) = channel();
        let (lets, let_go) = sync_channel(64);
        let (lost, to_count) = channel();
        let pipe = Pipe { given, lets: let_go };
        let queue = Queue::start(pipe, move |lines| lost.send(lines).unwrap_or_default()).unwrap();
        Site { queue, given: to_look, lets, lost: to_count }
    }

    #[test]
    fn who_logs_does_not_wait_and_lines_stay_whole_and_in_order() {
        let site = site();
        (&site.queue).write_all(b"first\n").unwrap();
        assert_eq!(site.given.recv_timeout(LONG).unwrap(), b"first\n");
        // The thread now waits for its reader.
        (&site.queue).write_all(b"second\n").unwrap();
        (&site.queue).write_all(b"third\n").unwrap();
        site.lets.send(()).unwrap();
        assert_eq!(site.given.recv_timeout(LONG).unwrap(), b"second\nthird\n");
    }

    #[test]
    fn lines_without_room_are_lost_whole_counted_and_told() {
        let site = site();
        (&site.queue).write_all(b"first\n").unwrap();
        site.given.recv_timeout(LONG).unwrap();
        let line = [b"x".repeat(ROOM / 4 - 1), b"\n".to_vec()].concat();
        for _ in 0..7 {
            (&site.queue).write_all(&line).unwrap();
        }
        site.lets.send(()).unwrap();
        assert_eq!(site.given.recv_timeout(LONG).unwrap(), line.repeat(4));
        site.lets.send(()).unwrap();
        assert_eq!(site.lost.recv_timeout(LONG).unwrap(), 3);
        (&site.queue).write_all(b"after\n").unwrap();
        assert_eq!(site.given.recv_timeout(LONG).unwrap(), b"after\n");
        site.lets.send(()).unwrap();
        site.queue.finish(LONG);
        assert!(site.lost.try_recv().is_err(), "told twice");
    }

    #[test]
    fn the_end_waits_for_the_last_line_but_not_for_ever() {
        let site = site();
        site.queue.finish(LONG);
        (&site.queue).write_all(b"last\n").unwrap();
        // Nobody reads: it gives up.
        site.queue.finish(Duration::from_millis(1));
        site.lets.send(()).unwrap();
        site.queue.finish(LONG);
        assert_eq!(site.given.try_recv().unwrap(), b"last\n");
    }
}
