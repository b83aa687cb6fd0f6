//! The task that watches a vault, and starts the watch again when it breaks.
//!
//! It holds no permit of the concurrency limit, because a watch lasts. Its cost is bounded by what it is: one request at a
//! time, one item in memory, a number of items a second, and one new watch in a probe's interval. While the circuit is open
//! it does not start a watch, and the circuit does not count how a watch ends: a vault whose watches break serves reads.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::{BoxStream, Change, ErrorKind, LogLimit, MAX_SILENCE, VaultError};
use futures_util::StreamExt as _;
use tokio::time::{Instant, sleep, timeout};

use super::coverage::Watched;
use crate::broker::compartment::client::{Health, VaultClient};
use crate::broker::compartment::policy::CompartmentPolicy;
use crate::broker::compartment::tasks::Tasks;

/// Maximum number of items in a second. A store that replaces a thousand secrets at once stays below it.
const MAX_ITEMS: u32 = 2_000;

/// Shortest time between two log lines about watches that end.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Watches one vault.
pub(crate) struct Watcher {
    vault: String,
    client: Arc<VaultClient>,
    watched: Arc<Watched>,
    /// How long a watch may take to go live.
    start_timeout: Duration,
    log: LogLimit,
}

/// The items of the current second.
struct Pace {
    since: Instant,
    items: u32,
}

impl Watcher {
    /// A watcher of the vault behind `client`, which the profile calls `vault`.
    pub(crate) fn new(
        vault: String,
        policy: &CompartmentPolicy,
        client: Arc<VaultClient>,
        watched: Arc<Watched>,
    ) -> Self {
        let log = LogLimit::new(LOG_INTERVAL);
        Self { vault, client, watched, start_timeout: policy.attempt_timeout, log }
    }

    /// Watches until the compartment closes.
    pub(crate) async fn run(self, tasks: Tasks) {
        tokio::select! {
            biased;
            () = tasks.closing() => {}
            () = self.watch_for_ever() => {}
        }
    }

    async fn watch_for_ever(&self) {
        // The kind that the log has, until a watch is live again.
        let mut reported = None;
        loop {
            let mut pause = self.client.probe_pause();
            if self.client.health() != Health::Open {
                let ended = self.watch().await;
                self.watched.end();
                let error = match ended {
                    Ended::BeforeLive(error) => error,
                    Ended::Live(error) => {
                        reported = None;
                        error
                    }
                };
                pause = pause.max(error.retry_after().unwrap_or_default());
                if reported != Some(error.kind()) && self.log.due() {
                    reported = Some(error.kind());
                    let (vault, reason) = (&self.vault, &error);
                    tracing::warn!(
                        vault, %reason,
                        "vault {vault} is not watched: {reason}; changed secrets are noticed after `cache_ttl`"
                    );
                } else {
                    tracing::debug!(vault = %self.vault, reason = %error, "a watch ended");
                }
            }
            sleep(pause).await;
        }
    }

    /// Watches once.
    async fn watch(&self) -> Ended {
        let mut items = self.client.watch();
        let mut change = match next(&mut items, self.start_timeout).await {
            Ok(change) => change,
            Err(error) => return Ended::BeforeLive(error),
        };
        self.watched.begin();
        tracing::debug!(vault = %self.vault, "watching for changes");
        let mut pace = Pace { since: Instant::now(), items: 0 };
        loop {
            if pace.is_exceeded() {
                // What follows is not taken, so anything may have changed.
                self.watched.all_changed();
                let message = format!("the watch reports more than {MAX_ITEMS} changes a second");
                return Ended::Live(VaultError::vault(ErrorKind::Malformed, message));
            }
            match &change {
                Change::None => {}
                Change::Secret(path) => {
                    tracing::debug!(vault = %self.vault, %path, "a secret has changed");
                    self.watched.changed(path);
                }
                Change::Any => self.watched.all_changed(),
            }
            self.watched.heard();
            change = match next(&mut items, MAX_SILENCE).await {
                Ok(change) => change,
                Err(error) => return Ended::Live(error),
            };
        }
    }
}

/// Why a watch ended.
enum Ended {
    BeforeLive(VaultError),
    Live(VaultError),
}

/// The next item of a watch.
async fn next(
    items: &mut BoxStream<'_, Result<Change, VaultError>>,
    limit: Duration,
) -> Result<Change, VaultError> {
    match timeout(limit, items.next()).await {
        Ok(Some(item)) => item,
        Ok(None) => Err(VaultError::vault(ErrorKind::Malformed, "the watch ended without a reason")),
        Err(_) => {
            let message = format!("the watch was silent for {limit:?}");
            Err(VaultError::vault(ErrorKind::Timeout, message))
        }
    }
}

impl Pace {
    /// Counts an item. Returns whether there were too many in this second.
    fn is_exceeded(&mut self) -> bool {
        let now = Instant::now();
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self { since: now, items: 0 };
        }
        self.items += 1;
        self.items > MAX_ITEMS
    }
}
