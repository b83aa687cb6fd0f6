//! Whether a connection has a request in progress.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::registry::{Evicted, Slot};
use super::tally::Event;

/// The state of a connection, shared by the parts that see its requests and its writes. Used by one task only.
pub(super) struct Activity {
    slot: Slot,
    /// A request has started, and its response is not complete yet.
    serving: AtomicBool,
    /// A response is complete, and the system has not taken all of it yet.
    unsent: AtomicBool,
    /// The client does not read.
    stalled: AtomicBool,
}

impl Activity {
    /// A connection without a request.
    pub(super) fn new(slot: Slot) -> Arc<Self> {
        let no = || AtomicBool::new(false);
        Arc::new(Self { slot, serving: no(), unsent: no(), stalled: no() })
    }

    /// A request has arrived: its head is complete.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection has been evicted. The request must not be started.
    pub(super) fn request_started(&self) -> Result<(), Evicted> {
        self.serving.store(true, Ordering::Relaxed);
        self.update()
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
        if is(&self.serving) || (is(&self.unsent) && !is(&self.stalled)) {
            self.slot.set_busy()
        } else {
            self.slot.set_idle();
            Ok(())
        }
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
