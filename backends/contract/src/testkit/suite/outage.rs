//! A vault that is up, goes down and recovers.

use super::{BackendUnderTest, assert_refused, expect_absent, expect_fields, token};
use crate::testkit::{field, path};
use crate::{ErrorKind, Expect, ReadRequest, Scope, Stage, Vault};

pub(super) async fn cases<S: BackendUnderTest>(fresh: &impl AsyncFn() -> S) {
    a_probe_of_a_vault_that_is_up_succeeds_and_creates_nothing(&fresh().await).await;
    a_vault_that_is_down_reports_it_and_recovers(&fresh().await).await;
    a_vault_that_was_opened_while_down_recovers(&fresh().await).await;
}

async fn a_probe_of_a_vault_that_is_up_succeeds_and_creates_nothing(backend: &impl BackendUnderTest) {
    let vault = backend.open();
    for _ in 0..2 {
        assert_eq!(vault.probe().await, Ok(()));
    }
    expect_absent(&*vault, &path("github/work"), "reading after a probe").await;
    if vault.info().capabilities.list {
        assert!(vault.list(None, None).await.unwrap().paths.is_empty(), "a probe created something");
    }
}

async fn a_vault_that_is_down_reports_it_and_recovers(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("github/work"));
    backend.seed(&at, &token("one")).await;
    expect_fields(&*vault, &at, &token("one")).await;
    for _ in 0..2 {
        let kind = backend.take_down().await;
        expect_down(&*vault, kind).await;
        backend.bring_up().await;
        assert_eq!(vault.probe().await, Ok(()), "the vault has recovered");
        expect_fields(&*vault, &at, &token("one")).await;
    }
}

async fn a_vault_that_was_opened_while_down_recovers(backend: &impl BackendUnderTest) {
    let at = path("github/work");
    backend.seed(&at, &token("one")).await;
    let kind = backend.take_down().await;
    let vault = backend.open();
    expect_down(&*vault, kind).await;
    backend.bring_up().await;
    assert_eq!(vault.probe().await, Ok(()), "the vault has recovered");
    expect_fields(&*vault, &at, &token("one")).await;
}

/// Every call fails with `kind`, scope vault; an outage is never reported as an absent secret.
async fn expect_down(vault: &dyn Vault, kind: ErrorKind) {
    let names = [field("token")];
    for at in [path("github/work"), path("never/there")] {
        let result = vault.read(&at, &names, Stage::Current).await;
        assert_refused(result, kind, Scope::Vault, "reading from a vault that is down");
    }
    let requests =
        [path("github/work"), path("never/there")].map(|path| ReadRequest { path, fields: names.to_vec() });
    let results = vault.read_many(&requests).await;
    assert_eq!(results.len(), requests.len());
    for result in results {
        assert_refused(result, kind, Scope::Vault, "reading many from a vault that is down");
    }
    assert_refused(vault.probe().await, kind, Scope::Vault, "probing a vault that is down");
    let capabilities = vault.info().capabilities;
    if capabilities.list {
        assert_refused(vault.list(None, None).await, kind, Scope::Vault, "listing a vault that is down");
    }
    if capabilities.write {
        let at = path("github/work");
        let result = vault.write(&at, &token("two"), Expect::Any).await;
        assert_refused(result, kind, Scope::Vault, "writing to a vault that is down");
        let result = vault.delete(&at, Expect::Any).await;
        assert_refused(result, kind, Scope::Vault, "deleting from a vault that is down");
    }
}
