//! What the walls' tests share: `Rig::new(walls)` is a compartment around a memory vault with scripted faults.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::testkit::{Calls, Fault, Faults, MemoryVault, field, path};
use cofferdam_vault::{ErrorKind, VaultError};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Compartment, CompartmentPolicy, Status, Wanted};
use crate::broker::Credential;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A deadline that no test reaches.
pub(super) fn patient() -> Instant {
    Instant::now() + Duration::from_secs(24 * 60 * 60)
}

/// Lets every task run until it waits, without a step of the clock.
pub(super) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

pub(super) struct Rig {
    pub(super) memory: MemoryVault,
    pub(super) faults: Faults,
    pub(super) compartment: Arc<Compartment>,
}

impl Rig {
    /// A compartment whose pauses have no jitter. The vault holds `github/work`, whose token is `one`.
    pub(super) fn new(walls: CompartmentPolicy) -> Self {
        let memory = MemoryVault::new("rig");
        memory.put("github/work", [("token", "one")]);
        let faults = Faults::default();
        let vault = faults.wrap(Arc::new(memory.clone()));
        let compartment = Compartment::with_jitter("rig".into(), walls, vault, || 0.0);
        Self { memory, faults, compartment }
    }

    /// What is asked of the vault for `at`.
    pub(super) fn wanted(at: &str) -> Arc<Wanted> {
        Arc::new(Wanted {
            path: path(at),
            module: "github".into(),
            account: "work".into(),
            fields: [field("token")].into(),
        })
    }

    /// The token of `github/work`, or what went wrong.
    pub(super) async fn token(&self) -> Result<String, VaultError> {
        self.token_of("github/work").await
    }

    pub(super) async fn token_of(&self, at: &str) -> Result<String, VaultError> {
        self.compartment.resolve(&Self::wanted(at), patient()).await.map(|credential| text(&credential))
    }

    pub(super) async fn kind(&self) -> Option<ErrorKind> {
        self.token().await.err().map(|error| error.kind())
    }

    /// The answers of `callers` who ask for `github/work` at once.
    pub(super) async fn crowd(&self, callers: usize) -> Vec<Result<String, VaultError>> {
        let mut crowd = JoinSet::new();
        for _ in 0..callers {
            let compartment = Arc::clone(&self.compartment);
            crowd.spawn(async move { compartment.resolve(&Self::wanted("github/work"), patient()).await });
        }
        crowd.join_all().await.into_iter().map(|answer| answer.map(|credential| text(&credential))).collect()
    }

    /// Fails the vault with `kind` from now on, and spends as many calls on it as it takes to give it up.
    pub(super) async fn give_up(&self, kind: ErrorKind) {
        self.faults.set(Calls::All, Fault::vault(kind));
        while self.compartment.breaker.admit().is_ok() {
            self.token_of("nobody/knows").await.unwrap_err();
        }
    }

    pub(super) fn reads(&self) -> usize {
        self.faults.attempts(Calls::Reads)
    }

    pub(super) fn probes(&self) -> usize {
        self.faults.attempts(Calls::Probes)
    }

    pub(super) fn status(&self) -> Status {
        self.compartment.status()
    }
}

pub(super) fn text(credential: &Credential) -> String {
    credential.secret.expose(&field("token")).unwrap().to_owned()
}
