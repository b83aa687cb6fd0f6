//! The watches of a [`MemoryVault`](super::MemoryVault), with the faults that a watch can have.

use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, unfold};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender};
use tokio::time::{Interval, interval};

use crate::{Change, ErrorKind, MAX_SILENCE, VaultError};

/// How many items a watch may be behind before it reports [`Change::Any`].
const BEHIND: usize = 1024;

/// All watches of one store.
pub(super) struct Watches(Sender<Item>);

#[derive(Debug, Clone)]
enum Item {
    Report(Change),
    Break(VaultError),
    Hush,
}

/// One watch.
struct Watch {
    items: Receiver<Item>,
    heartbeat: Interval,
    ended: bool,
}

impl Default for Watches {
    fn default() -> Self {
        Self(Sender::new(BEHIND))
    }
}

impl Watches {
    /// Every watch that is live reports `change`.
    pub(super) fn report(&self, change: Change) {
        self.send(Item::Report(change));
    }

    /// Every watch that is live breaks.
    pub(super) fn break_all(&self) {
        self.send(Item::Break(VaultError::vault(ErrorKind::Unavailable, "scripted: the watch broke")));
    }

    /// Every watch that is live reports nothing any more, and does not end.
    pub(super) fn hush(&self) {
        self.send(Item::Hush);
    }

    /// The number of watches that are live.
    pub(super) fn count(&self) -> usize {
        self.0.receiver_count()
    }

    /// A watch from now on.
    pub(super) fn open(&self) -> BoxStream<'static, Result<Change, VaultError>> {
        // The first tick is at once: it makes the watch live.
        let watch = Watch { items: self.0.subscribe(), heartbeat: interval(MAX_SILENCE / 2), ended: false };
        unfold(watch, async |mut watch| Some((watch.next().await?, watch))).boxed()
    }

    fn send(&self, item: Item) {
        // An error means that nobody watches.
        let _ = self.0.send(item);
    }
}

impl Watch {
    async fn next(&mut self) -> Option<Result<Change, VaultError>> {
        if self.ended {
            return None;
        }
        let item = tokio::select! {
            biased;
            _ = self.heartbeat.tick() => return Some(Ok(Change::None)),
            item = self.items.recv() => item,
        };
        match item {
            Ok(Item::Report(change)) => Some(Ok(change)),
            Ok(Item::Break(error)) => {
                self.ended = true;
                Some(Err(error))
            }
            Ok(Item::Hush) => std::future::pending().await,
            Err(RecvError::Lagged(_)) => Some(Ok(Change::Any)),
            Err(RecvError::Closed) => None,
        }
    }
}
