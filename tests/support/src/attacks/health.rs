//! Health checks during an attack, each on a new connection, as an orchestrator makes them.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Failed;

/// The pause between two rounds of checks.
const INTERVAL: Duration = Duration::from_millis(200);

/// After this time, a check has failed.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The checks that were made, and their outcome.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Health {
    /// All checks.
    pub checks: usize,
    /// Those that were answered.
    pub good: usize,
}

impl Health {
    fn add(&mut self, answered: &[bool]) {
        self.checks += answered.len();
        self.good += answered.iter().filter(|&&good| good).count();
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
                counts.add(&[public, admin, details]);
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

/// Whether there is a response. `/readyz` returns 503 while a vault is down, which is an answer, too.
async fn check(client: &reqwest::Client, url: &str) -> bool {
    match client.get(url).send().await {
        Ok(response) => response.bytes().await.is_ok(),
        Err(_) => false,
    }
}
