//! The test rig: `Rig::new(policy)` is a compartment around a memory vault with scripted faults.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::testkit::{Calls, Fault, Faults, MemoryVault, field, path};
use cofferdam_vault::{ErrorKind, VaultError};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::broker::compartment::{CacheKey, Compartment, CompartmentPolicy, Status};
use crate::broker::credential::Credential;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A deadline that no test reaches.
pub(super) fn far_deadline() -> Instant {
    Instant::now() + Duration::from_secs(24 * 60 * 60)
}

/// Lets every task run until it waits. The clock does not advance.
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
    /// A compartment without jitter. The vault holds `github/work`, whose token is `one`.
    pub(super) fn new(policy: CompartmentPolicy) -> Self {
        let memory = MemoryVault::new("rig");
        memory.put("github/work", [("token", "one")]);
        let faults = Faults::default();
        let vault = faults.wrap(Arc::new(memory.clone()));
        let compartment = Arc::new(Compartment::with_jitter("rig".into(), policy, vault, || 0.0));
        Self { memory, faults, compartment }
    }

    /// The key of the secret at `at`.
    pub(super) fn key(at: &str) -> Arc<CacheKey> {
        Arc::new(CacheKey {
            path: path(at),
            module: "github".into(),
            account: "work".into(),
            fields: [field("token")].into(),
        })
    }

    /// Resolves the token of `github/work`.
    pub(super) async fn token(&self) -> Result<String, VaultError> {
        self.token_of("github/work").await
    }

    pub(super) async fn token_of(&self, at: &str) -> Result<String, VaultError> {
        self.compartment.resolve(&Self::key(at), far_deadline()).await.map(|credential| token_in(&credential))
    }

    pub(super) async fn kind(&self) -> Option<ErrorKind> {
        self.token().await.err().map(|error| error.kind())
    }

    /// Resolves `github/work` for many `callers` at once.
    pub(super) async fn crowd(&self, callers: usize) -> Vec<Result<String, VaultError>> {
        let mut crowd = JoinSet::new();
        for _ in 0..callers {
            let compartment = Arc::clone(&self.compartment);
            crowd.spawn(async move { compartment.resolve(&Self::key("github/work"), far_deadline()).await });
        }
        crowd
            .join_all()
            .await
            .into_iter()
            .map(|answer| answer.map(|credential| token_in(&credential)))
            .collect()
    }

    /// Makes the vault fail with `kind` from now on, and calls it until the circuit opens.
    pub(super) async fn open_circuit(&self, kind: ErrorKind) {
        self.faults.set(Calls::All, Fault::vault(kind));
        while self.compartment.client.circuit().open.is_none() {
            self.token_of("no/such-secret").await.unwrap_err();
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

pub(super) fn token_in(credential: &Credential) -> String {
    credential.secret.expose(&field("token")).unwrap().to_owned()
}
