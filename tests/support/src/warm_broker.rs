//! A broker whose secrets are in memory already: what is measured of it is its own work.

use std::sync::Arc;
use std::time::Duration;

use cofferdam::broker::{Broker, CompartmentPolicy, Credential, ModuleBinding, PathTemplate, VaultParts};
use cofferdam::caller::Caller;
use cofferdam_vault::testkit::{MemoryVault, path};
use futures_util::FutureExt as _;
use tokio::time::Instant;

/// The module whose secret has no lease.
pub const PLAIN: &str = "github";

/// The module whose secret has a lease.
pub const LEASED: &str = "db";

/// A broker that has read the secrets of both modules.
pub async fn broker() -> Broker {
    let memory = MemoryVault::new("bench");
    memory.put("github/work", [("token", "t0ken")]);
    memory.serve_dynamic(&path("db/work"), Duration::from_secs(3600));
    let parts =
        VaultParts { name: "bench".into(), policy: CompartmentPolicy::default(), vault: Arc::new(memory) };
    let broker = Broker::new(vec![parts], vec![binding(PLAIN), binding(LEASED)]);
    for module in [PLAIN, LEASED] {
        broker.credential(&Caller::local(), module, "work", soon()).await.unwrap();
    }
    broker
}

fn binding(module: &str) -> ModuleBinding {
    ModuleBinding {
        module: module.into(),
        vault: "bench".into(),
        accounts: vec!["work".into()],
        path: PathTemplate::default(),
        credential: serde_json::from_str(r#"{ "kind": "bearer" }"#).unwrap(),
    }
}

/// The deadline of a call that begins now.
pub fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Resolves a credential that is in memory.
///
/// # Panics
///
/// If it is not there at once.
pub fn resolve(broker: &Broker, caller: &Caller, module: &str, deadline: Instant) -> Arc<Credential> {
    broker.credential(caller, module, "work", deadline).now_or_never().unwrap().unwrap()
}
