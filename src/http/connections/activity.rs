//! What a connection does: whether it waits for a request, for a request's body, or has a request in progress.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};

use super::eviction::Phase;
use super::registry::{Evicted, Slot};
use super::tally::Event;

/// How many bytes of a body are progress. With fewer, a client that sends a byte now and then would not lose its connection.
const MIN_PROGRESS_BYTES: usize = 64 * 1024;

/// The state of a connection, shared by the parts that see its requests and its writes. Used by one task only.
pub(super) struct Activity {
    slot: Slot,
    /// The head of a request has arrived, and its response is not complete yet.
    serving: AtomicBool,
    /// The body of that request has not arrived yet.
    receiving: AtomicBool,
    /// A response is complete, and the system has not taken all of it yet.
    unsent: AtomicBool,
    /// The client does not read.
    stalled: AtomicBool,
}

impl Activity {
    /// A connection without a request.
    pub(super) fn new(slot: Slot) -> Arc<Self> {
        let no = || AtomicBool::new(false);
        Arc::new(Self { slot, serving: no(), receiving: no(), unsent: no(), stalled: no() })
    }

    /// The head of a request has arrived. `receiving` if its body follows.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection has been evicted. The request must not be started.
    pub(super) fn request_started(&self, receiving: bool) -> Result<(), Evicted> {
        self.serving.store(true, Ordering::Relaxed);
        self.receiving.store(receiving, Ordering::Relaxed);
        self.update()
    }

    /// The body of the request has arrived, or nobody will read it.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection has been evicted. The request must not be handled.
    fn request_complete(&self) -> Result<(), Evicted> {
        self.receiving.store(false, Ordering::Relaxed);
        self.update()
    }

    /// A further part of the body has arrived.
    fn body_progress(&self) {
        self.slot.refresh();
    }

    fn response_complete(&self) {
        self.unsent.store(true, Ordering::Relaxed);
        self.serving.store(false, Ordering::Relaxed);
        // It fails only if the connection was evicted, and then its task is about to drop it.
        let _ = self.update();
    }

    /// The system has taken everything that was written.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection has been evicted.
    pub(super) fn sent(&self) -> Result<(), Evicted> {
        self.unsent.store(false, Ordering::Relaxed);
        self.stalled.store(false, Ordering::Relaxed);
        self.update()
    }

    /// The client does not read, or reads again.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection has been evicted.
    pub(super) fn set_stalled(&self, stalled: bool) -> Result<(), Evicted> {
        self.stalled.store(stalled, Ordering::Relaxed);
        self.update()
    }

    /// Waits until the connection is evicted.
    pub(super) async fn evicted(&self) {
        self.slot.evicted().await;
    }

    /// Counts what happened to the connection.
    pub(super) fn count(&self, event: Event) {
        self.slot.count(event);
    }

    fn update(&self) -> Result<(), Evicted> {
        let is = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        let responding = is(&self.unsent) && !is(&self.stalled);
        self.slot.enter(if responding || (is(&self.serving) && !is(&self.receiving)) {
            Phase::Busy
        } else if is(&self.serving) {
            Phase::Receiving
        } else {
            Phase::Idle
        })
    }
}

/// The body of a request. Its end completes the request.
pub(super) struct ReceivedBody {
    body: Incoming,
    activity: Arc<Activity>,
    /// The bytes that have arrived since the last progress.
    arrived: usize,
}

impl ReceivedBody {
    pub(super) fn new(body: Incoming, activity: Arc<Activity>) -> Self {
        Self { body, activity, arrived: 0 }
    }
}

impl hyper::body::Body for ReceivedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() && self.activity.request_complete().is_err() {
            // The request must not be handled, since the connection's task is about to drop it.
            return Poll::Pending;
        }
        if let Some(Ok(frame)) = &frame
            && let Some(bytes) = frame.data_ref()
        {
            self.arrived += bytes.len();
            if self.arrived >= MIN_PROGRESS_BYTES {
                self.arrived = 0;
                self.activity.body_progress();
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Without its body a request is complete too: it is about to be refused.
impl Drop for ReceivedBody {
    fn drop(&mut self) {
        // It fails only if the connection was evicted, and then its task is about to drop it.
        let _ = self.activity.request_complete();
    }
}

/// The body of a response. Its end completes the response.
pub(super) struct TrackedBody {
    body: Body,
    activity: Arc<Activity>,
}

impl TrackedBody {
    pub(super) fn new(body: Body, activity: Arc<Activity>) -> Self {
        Self { body, activity }
    }
}

impl hyper::body::Body for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        self.activity.response_complete();
    }
}
