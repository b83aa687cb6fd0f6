//! A broker with a real vault, and a vault in memory that must not be affected.

use std::sync::Arc;
use std::time::Duration;

use cofferdam::broker::{
    Broker, BrokerError, CompartmentPolicy, CompartmentState, Credential, CredentialSpec, CredentialTemplate,
    ModuleBinding, PathTemplate, VaultParts,
};
use cofferdam::caller::Caller;
use cofferdam_vault::testkit::MemoryVault;
use cofferdam_vault::{ExposeSecret as _, Vault};
use tokio::time::{Instant, sleep};

/// The deadline of a call. Generous, because slow machines run this, and no test is about speed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// How often to check for what is waited for.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A policy without a cache: each call reads from the vault.
pub(crate) fn cache_off() -> CompartmentPolicy {
    CompartmentPolicy {
        cache_ttl: Duration::ZERO,
        stale_for: Duration::ZERO,
        missing_ttl: Duration::ZERO,
        deadline: DEADLINE,
        ..CompartmentPolicy::default()
    }
}

/// A broker with `modules` on the vault `real`, and the module `notes` on a vault in memory.
pub(crate) struct Fixture {
    pub(crate) broker: Broker,
}

impl Fixture {
    pub(crate) fn new(real: Arc<dyn Vault>, policy: CompartmentPolicy, modules: &[&str], kind: &str) -> Self {
        let memory = MemoryVault::new("healthy");
        memory.put("notes/work", [("token", "healthy")]);
        let vaults = vec![
            VaultParts { name: "real".into(), policy, vault: real },
            VaultParts { name: "healthy".into(), policy: cache_off(), vault: Arc::new(memory) },
        ];
        let of = |module: &str, vault: &str, kind: &str| ModuleBinding {
            module: module.into(),
            vault: vault.into(),
            accounts: vec!["work".into()],
            path: PathTemplate::default(),
            credential: spec(kind),
        };
        let mut bindings: Vec<_> = modules.iter().map(|module| of(module, "real", kind)).collect();
        bindings.push(of("notes", "healthy", "bearer"));
        Self { broker: Broker::new(vaults, bindings) }
    }

    pub(crate) async fn call(&self, module: &str) -> Result<Arc<Credential>, BrokerError> {
        self.broker.credential(&Caller::local(), module, "work", Instant::now() + DEADLINE).await
    }

    /// The value of the field `token`.
    pub(crate) async fn token(&self, module: &str) -> Result<String, BrokerError> {
        self.call(module).await.map(|credential| text(&credential, "token"))
    }

    pub(crate) fn state(&self) -> CompartmentState {
        self.broker.vaults().into_iter().find(|status| status.name == "real").unwrap().state
    }

    /// Asserts that the other vault serves.
    pub(crate) async fn others_serve(&self) {
        assert_eq!(self.token("notes").await.unwrap(), "healthy");
    }
}

fn spec(kind: &str) -> CredentialSpec {
    let mut table = toml::Table::new();
    table.insert("kind".into(), kind.into());
    table.try_into().unwrap()
}

pub(crate) fn text(credential: &Credential, field: &str) -> String {
    let template = CredentialTemplate::try_from(format!("{{{field}}}")).unwrap();
    template.render(credential).expose_secret().to_owned()
}

/// Polls `good` until it returns a value. Fails the test after `within`; `what` names what did not happen.
pub(crate) async fn until<T>(what: &str, within: Duration, mut good: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + within;
    loop {
        if let Some(found) = good().await {
            return found;
        }
        assert!(Instant::now() < end, "not {what} after {within:?}");
        sleep(POLL_INTERVAL).await;
    }
}
