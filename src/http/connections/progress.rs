//! A stream whose writes must make progress, so that a client that does not read loses its connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::Activity;
use super::registry::Evicted;
use super::tally::Event;

/// A client that takes less than [`MIN_PROGRESS_BYTES`] in this time loses its connection.
pub(super) const PROGRESS_TIMEOUT: Duration = Duration::from_secs(30);

/// A client that takes less than [`MIN_PROGRESS_BYTES`] in this time counts as idle, so that its connection may be closed
/// to make room for another one.
const STALLED_AFTER: Duration = Duration::from_secs(2);

/// With a smaller number, a client that reads a byte now and then would keep its connection.
const MIN_PROGRESS_BYTES: usize = 64 * 1024;

/// The stream of a connection.
pub(super) struct ProgressStream<S> {
    stream: S,
    activity: Arc<Activity>,
    blocked: Option<Blocked>,
}

/// Writes that wait for the client.
struct Blocked {
    since: Instant,
    /// The bytes that the client has taken since then.
    written: usize,
    /// Until it counts as stalled, and then until its connection is closed.
    timer: Pin<Box<Sleep>>,
    stalled: bool,
}

impl<S> ProgressStream<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity, blocked: None }
    }

    /// Takes the result of a write into account.
    fn check(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => self.progress(bytes)?,
            Poll::Ready(Err(_)) => {}
            Poll::Pending => ready!(self.poll_timeout(cx))?,
        }
        written
    }

    fn progress(&mut self, bytes: usize) -> io::Result<()> {
        let Some(blocked) = &mut self.blocked else { return Ok(()) };
        blocked.written = blocked.written.saturating_add(bytes);
        if blocked.written < MIN_PROGRESS_BYTES {
            return Ok(());
        }
        self.blocked = None;
        self.activity.set_stalled(false).map_err(evicted)
    }

    /// Pending until the time for progress is over, then an error.
    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let blocked = self.blocked.get_or_insert_with(Blocked::new);
        ready!(blocked.timer.as_mut().poll(cx));
        if !blocked.stalled {
            blocked.stalled = true;
            blocked.timer.as_mut().reset(blocked.since + PROGRESS_TIMEOUT);
            self.activity.set_stalled(true).map_err(evicted)?;
            ready!(blocked.timer.as_mut().poll(cx));
        }
        self.activity.count(Event::Unread);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl Blocked {
    fn new() -> Self {
        let since = Instant::now();
        Self { since, written: 0, timer: Box::pin(sleep_until(since + STALLED_AFTER)), stalled: false }
    }
}

fn evicted(_: Evicted) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "closed to make room for another connection")
}

impl<S: AsyncRead + Unpin> AsyncRead for ProgressStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ProgressStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buffer);
        self.check(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, buffers);
        self.check(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when the stream has taken everything.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.blocked = None;
        Poll::Ready(self.activity.sent().map_err(evicted))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::time::sleep;

    use super::*;
    use crate::http::connections::peers::Peers;
    use crate::http::connections::registry::Registry;
    use crate::http::connections::tally::{Listener, Tally};

    /// What the system holds for a client that does not read.
    const BUFFER_BYTES: usize = 1024;

    /// A connection with a request in progress: its stream, its client, and the registry, where it is the only one.
    async fn busy() -> (ProgressStream<DuplexStream>, DuplexStream, Arc<Registry>) {
        let (server, client) = duplex(BUFFER_BYTES);
        let registry = Registry::new(1, 1, Peers::new(&[]), Tally::new(Listener::Public));
        let activity = Activity::new(registry.admit([127, 0, 0, 1].into()).await.unwrap());
        activity.request_started(false).unwrap();
        // The response is complete, but not sent.
        drop(crate::http::connections::activity::TrackedBody::new(
            axum::body::Body::empty(),
            activity.clone(),
        ));
        (ProgressStream::new(server, activity), client, registry)
    }

    /// Writes `bytes`. Returns the result and the time that it took.
    async fn write(stream: &mut ProgressStream<DuplexStream>, bytes: usize) -> (io::Result<()>, Duration) {
        let start = Instant::now();
        let result = async {
            stream.write_all(&vec![b'x'; bytes]).await?;
            stream.flush().await
        };
        (result.await, start.elapsed())
    }

    /// Reads so many bytes each second.
    async fn read_slowly(client: &mut DuplexStream, bytes_per_second: usize) {
        let mut buffer = vec![0; bytes_per_second];
        loop {
            client.read_exact(&mut buffer).await.unwrap();
            sleep(Duration::from_secs(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_loses_its_connection() {
        let (mut stream, _client, registry) = busy().await;
        let (result, after) = write(&mut stream, 2 * BUFFER_BYTES).await;
        assert_eq!((result.unwrap_err().kind(), after), (io::ErrorKind::TimedOut, PROGRESS_TIMEOUT));
        assert_eq!(registry.count(Event::Unread), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn so_does_one_that_reads_a_byte_now_and_then() {
        let (mut stream, mut client, _registry) = busy().await;
        let (result, after) = tokio::select! {
            result = write(&mut stream, 1024 * 1024) => result,
            () = read_slowly(&mut client, 1) => unreachable!(),
        };
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
        // The time is checked when a write has to wait.
        assert!(after >= PROGRESS_TIMEOUT && after < PROGRESS_TIMEOUT * 2, "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_that_reads_on_gets_its_response() {
        let (mut stream, mut client, registry) = busy().await;
        let (result, after) = tokio::select! {
            result = write(&mut stream, 1024 * 1024) => result,
            () = read_slowly(&mut client, 4096) => unreachable!(),
        };
        result.unwrap();
        assert!(after > PROGRESS_TIMEOUT * 4, "{after:?}");
        assert_eq!(registry.count(Event::Unread), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn while_its_client_does_not_read_a_connection_counts_as_idle() {
        let (mut stream, _client, registry) = busy().await;
        let start = Instant::now();
        let write = write(&mut stream, 2 * BUFFER_BYTES);
        tokio::pin!(write);
        let admitted = tokio::select! {
            (result, _) = &mut write => panic!("{result:?}"),
            admitted = registry.admit([127, 0, 0, 1].into()) => admitted,
        };
        assert!(admitted.is_ok());
        assert_eq!((start.elapsed(), registry.count(Event::Evicted)), (STALLED_AFTER, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_busy_again_once_its_client_reads() {
        let (mut stream, mut client, registry) = busy().await;
        let read = async {
            sleep(STALLED_AFTER * 2).await;
            let mut buffer = vec![0; MIN_PROGRESS_BYTES + BUFFER_BYTES];
            client.read_exact(&mut buffer).await.unwrap();
            // Less than what counts as stalled, so only the reader's progress decides.
            let admitted =
                tokio::time::timeout(STALLED_AFTER / 2, registry.admit([127, 0, 0, 1].into())).await;
            assert!(admitted.is_err(), "a connection whose client reads was closed for another");
        };
        tokio::select! {
            (result, _) = write(&mut stream, 4 * MIN_PROGRESS_BYTES) => panic!("{result:?}"),
            () = read => {}
        }
    }
}
