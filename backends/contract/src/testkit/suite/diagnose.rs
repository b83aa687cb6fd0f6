//! Diagnosing a vault ends, changes nothing, and reports no secret.

use cofferdam_config::{Diagnostics, Severity};

use super::{BackendUnderTest, expect_absent, expect_fields};
use crate::Vault;
use crate::testkit::{fields, path};

const CANARY: &str = "canary-7c1d";

pub(super) async fn cases<S: BackendUnderTest>(fresh: &impl AsyncFn() -> S) {
    diagnosing_changes_nothing_and_helps(&fresh().await).await;
    diagnosing_a_vault_that_is_down_ends(&fresh().await).await;
}

async fn diagnose(vault: &dyn Vault) {
    let needs = [path("github/work"), path("github/absent")];
    let foreign: Vec<String> = vault.resource(&path("notes/work")).into_iter().collect();
    let mut found = Diagnostics::new();
    vault.diagnose(&needs, &foreign, &mut found).await;
    for diagnostic in &found {
        let key = diagnostic.key.as_str();
        assert!(!diagnostic.message.trim().is_empty(), "{diagnostic:?}");
        let info = diagnostic.severity == Severity::Info;
        assert_eq!(diagnostic.help.trim().is_empty(), info, "{diagnostic:?}");
        assert!(key.is_empty() || needs.iter().any(|path| path.as_str() == key), "{diagnostic:?}");
    }
    assert!(!format!("{found:?}").contains(CANARY), "a secret was printed");
}

async fn diagnosing_changes_nothing_and_helps(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("github/work"));
    let secret = fields([("token", CANARY)]);
    backend.seed(&at, &secret).await;
    let before = expect_fields(&*vault, &at, &secret).await.version;
    for _ in 0..2 {
        diagnose(&*vault).await;
    }
    assert_eq!(expect_fields(&*vault, &at, &secret).await.version, before, "diagnosing wrote something");
    expect_absent(&*vault, &path("github/absent"), "reading after diagnosing").await;
    if vault.info().capabilities.list {
        assert_eq!(vault.list(None, None).await.unwrap().paths, [at], "diagnosing created something");
    }
}

async fn diagnosing_a_vault_that_is_down_ends(backend: &impl BackendUnderTest) {
    let vault = backend.open();
    backend.take_down().await;
    diagnose(&*vault).await;
    backend.bring_up().await;
    diagnose(&*vault).await;
}
