//! Leases, where reads create them, and how other vaults refuse.

use std::time::Duration;

use super::{Subject, assert_refused};
use crate::{ErrorKind, Lease, Scope, Stage, Vault};

pub(super) async fn cases<S: Subject>(fresh: &impl AsyncFn() -> S) {
    if fresh().await.open().info().capabilities.dynamic {
        each_read_has_a_lease_of_its_own(&fresh().await).await;
        a_lease_is_renewed_until_it_is_released(&fresh().await).await;
    } else {
        a_vault_without_leases_says_so(&fresh().await).await;
    }
}

async fn a_vault_without_leases_says_so(subject: &impl Subject) {
    let vault = subject.open();
    let lease = Lease { id: "none".to_owned(), duration: Duration::from_secs(60), renewable: true };
    assert_refused(vault.renew(&lease).await, ErrorKind::Unsupported, Scope::Secret, "renewing");
    assert_refused(vault.release(&lease).await, ErrorKind::Unsupported, Scope::Secret, "releasing");
}

/// Reads the subject's dynamic secret and answers its lease.
async fn leased(subject: &impl Subject, vault: &dyn Vault) -> Lease {
    let wanted = subject.dynamic().expect("a vault that declares `dynamic` needs Subject::dynamic");
    let secret = vault.read(&wanted.path, &wanted.fields, Stage::Current).await.unwrap();
    for field in &wanted.fields {
        assert!(secret.expose(field).is_some(), "field {field} is missing");
    }
    let lease = secret.lease.expect("a read of a dynamic secret creates a lease");
    assert!(!lease.duration.is_zero() && lease.duration <= wanted.duration, "{lease:?}");
    assert!(lease.renewable, "{lease:?}");
    lease
}

async fn each_read_has_a_lease_of_its_own(subject: &impl Subject) {
    let vault = subject.open();
    let (one, two) = (leased(subject, &*vault).await, leased(subject, &*vault).await);
    assert!(one.id != two.id, "two reads share a lease");
    vault.release(&one).await.unwrap();
    vault.renew(&two).await.expect("releasing one lease leaves the other");
}

async fn a_lease_is_renewed_until_it_is_released(subject: &impl Subject) {
    let vault = subject.open();
    let lease = leased(subject, &*vault).await;
    let renewed = vault.renew(&lease).await.unwrap();
    assert!(!renewed.duration.is_zero(), "{renewed:?}");
    for _ in 0..2 {
        vault.release(&renewed).await.unwrap();
    }
    let answer = vault.renew(&renewed).await;
    assert_refused(answer, ErrorKind::NotFound, Scope::Secret, "renewing a lease that was released");
}
