//! Health checks during an attack, each on a new connection, as an orchestrator makes them.

use std::error::Error as _;
use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Failed;

/// The pause between two rounds of checks.
const INTERVAL: Duration = Duration::from_millis(200);

/// After this time, a check has failed.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The checks that were made, and their outcome.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Health {
    /// All checks.
    pub checks: usize,
    /// Those that were answered.
    pub good: usize,
    /// Why the first one that failed did.
    pub first_failure: Option<String>,
}

impl Health {
    fn add(&mut self, checked: Result<(), String>) {
        self.checks += 1;
        match checked {
            Ok(()) => self.good += 1,
            Err(failure) => drop(self.first_failure.get_or_insert(failure)),
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.good, self.checks)?;
        self.first_failure.iter().try_for_each(|failure| write!(f, "; the first failure: {failure}"))
    }
}

/// Checks health until it is stopped.
pub(crate) struct HealthPoller {
    stop: watch::Sender<bool>,
    task: JoinHandle<Health>,
}

impl HealthPoller {
    /// Begins to check the server with these URLs of its two listeners, which have no slash at the end.
    pub(crate) fn start(public: &str, admin: &str) -> Result<Self, Failed> {
        let client =
            reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(TIMEOUT).build()?;
        let urls = [format!("{public}/healthz"), format!("{admin}/healthz"), format!("{admin}/readyz")];
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut counts = Health::default();
            while !*stopped.borrow() {
                let [public, admin, details] = &urls;
                let (public, admin, details) =
                    tokio::join!(check(&client, public), check(&client, admin), check(&client, details));
                [public, admin, details].into_iter().for_each(|checked| counts.add(checked));
                let _ = tokio::time::timeout(INTERVAL, stopped.changed()).await;
            }
            counts
        });
        Ok(Self { stop, task })
    }

    /// Waits for the checks in progress; returns all.
    pub(crate) async fn stop(self) -> Health {
        self.stop.send_replace(true);
        // The task does not panic.
        self.task.await.unwrap_or_default()
    }
}

/// Waits for a response. `/readyz` returns 503 while a vault is down, which is an answer, too.
async fn check(client: &reqwest::Client, url: &str) -> Result<(), String> {
    let start = Instant::now();
    let answered = async { client.get(url).send().await?.bytes().await };
    answered.await.map(drop).map_err(|error| {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{error}{cause}, after {:.1} s", start.elapsed().as_secs_f64())
    })
}
