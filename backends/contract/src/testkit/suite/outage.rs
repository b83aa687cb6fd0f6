//! A vault that is up, goes down and comes back.

use super::{Subject, assert_refused, expect_absent, expect_fields, token};
use crate::testkit::{field, path};
use crate::{ErrorKind, Expect, ReadRequest, Scope, Stage, Vault};

pub(super) async fn cases<S: Subject>(fresh: &impl AsyncFn() -> S) {
    a_probe_of_a_vault_that_is_up_succeeds_and_creates_nothing(&fresh().await).await;
    a_vault_that_is_down_says_so_and_comes_back(&fresh().await).await;
    a_vault_that_was_opened_while_down_comes_back(&fresh().await).await;
}

async fn a_probe_of_a_vault_that_is_up_succeeds_and_creates_nothing(subject: &impl Subject) {
    let vault = subject.open();
    for _ in 0..2 {
        assert_eq!(vault.probe().await, Ok(()));
    }
    expect_absent(&*vault, &path("github/work"), "reading after a probe").await;
    if vault.info().capabilities.list {
        assert!(vault.list(None, None).await.unwrap().paths.is_empty(), "a probe created something");
    }
}

async fn a_vault_that_is_down_says_so_and_comes_back(subject: &impl Subject) {
    let (vault, at) = (subject.open(), path("github/work"));
    subject.seed(&at, &token("one")).await;
    expect_fields(&*vault, &at, &token("one")).await;
    for _ in 0..2 {
        let kind = subject.take_down().await;
        expect_down(&*vault, kind).await;
        subject.bring_up().await;
        assert_eq!(vault.probe().await, Ok(()), "the vault is back");
        expect_fields(&*vault, &at, &token("one")).await;
    }
}

async fn a_vault_that_was_opened_while_down_comes_back(subject: &impl Subject) {
    let at = path("github/work");
    subject.seed(&at, &token("one")).await;
    let kind = subject.take_down().await;
    let vault = subject.open();
    expect_down(&*vault, kind).await;
    subject.bring_up().await;
    assert_eq!(vault.probe().await, Ok(()), "the vault is back");
    expect_fields(&*vault, &at, &token("one")).await;
}

/// Every call fails with `kind`, scope vault; nothing is mistaken for an absent secret.
async fn expect_down(vault: &dyn Vault, kind: ErrorKind) {
    let names = [field("token")];
    for at in [path("github/work"), path("never/there")] {
        let answer = vault.read(&at, &names, Stage::Current).await;
        assert_refused(answer, kind, Scope::Vault, "reading from a vault that is down");
    }
    let wanted =
        [path("github/work"), path("never/there")].map(|path| ReadRequest { path, fields: names.to_vec() });
    let answers = vault.read_many(&wanted).await;
    assert_eq!(answers.len(), wanted.len());
    for answer in answers {
        assert_refused(answer, kind, Scope::Vault, "reading many from a vault that is down");
    }
    assert_refused(vault.probe().await, kind, Scope::Vault, "probing a vault that is down");
    let capabilities = vault.info().capabilities;
    if capabilities.list {
        assert_refused(vault.list(None, None).await, kind, Scope::Vault, "listing a vault that is down");
    }
    if capabilities.write {
        let at = path("github/work");
        let answer = vault.write(&at, &token("two"), Expect::Any).await;
        assert_refused(answer, kind, Scope::Vault, "writing to a vault that is down");
        let answer = vault.delete(&at, Expect::Any).await;
        assert_refused(answer, kind, Scope::Vault, "deleting from a vault that is down");
    }
}
