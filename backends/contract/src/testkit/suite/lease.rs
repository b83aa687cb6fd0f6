//! Leases of dynamic secrets, and how a vault without leases refuses.

use std::time::Duration;

use super::{BackendUnderTest, assert_refused};
use crate::{ErrorKind, Lease, Scope, Stage, Vault};

pub(super) async fn cases<S: BackendUnderTest>(fresh: &impl AsyncFn() -> S) {
    if fresh().await.open().info().capabilities.dynamic {
        each_read_has_a_lease_of_its_own(&fresh().await).await;
        a_lease_is_renewed_until_it_is_released(&fresh().await).await;
    } else {
        a_vault_without_leases_reports_it(&fresh().await).await;
    }
}

async fn a_vault_without_leases_reports_it(backend: &impl BackendUnderTest) {
    let vault = backend.open();
    let lease = Lease { id: "none".to_owned(), duration: Duration::from_secs(60), renewable: true };
    assert_refused(vault.renew(&lease).await, ErrorKind::Unsupported, Scope::Secret, "renewing");
    assert_refused(vault.release(&lease).await, ErrorKind::Unsupported, Scope::Secret, "releasing");
}

/// Reads the dynamic secret and returns its lease.
async fn leased(backend: &impl BackendUnderTest, vault: &dyn Vault) -> Lease {
    let dynamic = backend.dynamic().expect("a vault that declares `dynamic` needs BackendUnderTest::dynamic");
    let secret = vault.read(&dynamic.path, &dynamic.fields, Stage::Current).await.unwrap();
    for field in &dynamic.fields {
        assert!(secret.expose(field).is_some(), "field {field} is missing");
    }
    let lease = secret.lease.expect("a read of a dynamic secret creates a lease");
    assert!(!lease.duration.is_zero() && lease.duration <= dynamic.duration, "{lease:?}");
    assert!(lease.renewable, "{lease:?}");
    lease
}

async fn each_read_has_a_lease_of_its_own(backend: &impl BackendUnderTest) {
    let vault = backend.open();
    let (one, two) = (leased(backend, &*vault).await, leased(backend, &*vault).await);
    assert!(one.id != two.id, "two reads share a lease");
    vault.release(&one).await.unwrap();
    vault.renew(&two).await.expect("releasing one lease leaves the other");
}

async fn a_lease_is_renewed_until_it_is_released(backend: &impl BackendUnderTest) {
    let vault = backend.open();
    let lease = leased(backend, &*vault).await;
    let renewed = vault.renew(&lease).await.unwrap();
    assert!(!renewed.duration.is_zero(), "{renewed:?}");
    for _ in 0..2 {
        vault.release(&renewed).await.unwrap();
    }
    let result = vault.renew(&renewed).await;
    assert_refused(result, ErrorKind::NotFound, Scope::Secret, "renewing a lease that was released");
}
