//! A broker with a vault that fails and a healthy one.

use std::sync::Arc;
use std::time::Duration;

use cofferdam::broker::{
    Broker, BrokerError, CompartmentPolicy, Credential, CredentialSpec, ModuleBinding, PathTemplate,
    VaultParts, VaultStatus,
};
use cofferdam::caller::Caller;
use cofferdam_vault::Vault;
use cofferdam_vault::testkit::{Faults, MemoryVault};
use tokio::time::{Instant, advance};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) fn memory(name: &str) -> MemoryVault {
    let memory = MemoryVault::new(name);
    memory.put("github/work", [("token", "one")]);
    memory.put("notes/work", [("token", "one")]);
    memory
}

/// A broker with two vaults: `faulty`, which serves `github`, and `healthy`, which serves `notes`.
pub(crate) struct Fixture {
    pub(crate) broker: Arc<Broker>,
    pub(crate) faults: Faults,
}

impl Fixture {
    pub(crate) fn new(backend: Arc<dyn Vault>, policy: CompartmentPolicy) -> Self {
        let faults = Faults::default();
        let vaults = vec![
            VaultParts { name: "faulty".into(), policy: policy.clone(), vault: faults.wrap(backend) },
            VaultParts { name: "healthy".into(), policy, vault: Arc::new(memory("healthy")) },
        ];
        let modules = [("github", "faulty"), ("notes", "healthy")].map(|(module, vault)| ModuleBinding {
            module: module.into(),
            vault: vault.into(),
            accounts: vec!["work".into()],
            path: PathTemplate::default(),
            credential: bearer(),
        });
        Self { broker: Arc::new(Broker::new(vaults, modules.into())), faults }
    }

    pub(crate) async fn call(&self, module: &str) -> Result<Arc<Credential>, BrokerError> {
        let deadline = Instant::now() + DEADLINE;
        self.broker.credential(&Caller::local(), module, "work", deadline).await
    }

    pub(crate) fn status(&self, vault: &str) -> VaultStatus {
        self.broker.vaults().into_iter().find(|status| status.name == vault).unwrap()
    }
}

pub(crate) fn bearer() -> CredentialSpec {
    let mut table = toml::Table::new();
    table.insert("kind".into(), "bearer".into());
    table.try_into().unwrap()
}

/// Advances the clock by `seconds`, one by one, so that everything that becomes due runs.
pub(crate) async fn pass(seconds: u32) {
    for _ in 0..seconds {
        advance(SECOND).await;
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        crate::backend_under_test::real_threads_are_done().await;
    }
}
