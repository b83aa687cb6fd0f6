//! A closer look at a vault: it ends, changes nothing, and says nothing that is secret.

use super::{Subject, expect_absent, expect_fields};
use crate::testkit::{fields, path};
use crate::{Finding, Level, Vault};

const CANARY: &str = "canary-7c1d";

pub(super) async fn cases<S: Subject>(fresh: &impl AsyncFn() -> S) {
    a_look_changes_nothing_and_says_what_to_do(&fresh().await).await;
    a_look_at_a_vault_that_is_down_ends(&fresh().await).await;
}

async fn look(vault: &dyn Vault) -> Vec<Finding> {
    let needs = [path("github/work"), path("github/absent")];
    let elsewhere: Vec<String> = vault.place(&path("notes/work")).into_iter().collect();
    let mut found = Vec::new();
    vault.examine(&needs, &elsewhere, &mut found).await;
    for finding in &found {
        assert!(!finding.what.trim().is_empty(), "{finding:?}");
        assert_eq!(finding.remedy.trim().is_empty(), finding.level == Level::Good, "{finding:?}");
        assert!(finding.path.as_ref().is_none_or(|path| needs.contains(path)), "{finding:?}");
    }
    assert!(!format!("{found:?}").contains(CANARY), "secret text was printed");
    found
}

async fn a_look_changes_nothing_and_says_what_to_do(subject: &impl Subject) {
    let (vault, at) = (subject.open(), path("github/work"));
    let secret = fields([("token", CANARY)]);
    subject.seed(&at, &secret).await;
    let before = expect_fields(&*vault, &at, &secret).await.version;
    for _ in 0..2 {
        look(&*vault).await;
    }
    assert_eq!(expect_fields(&*vault, &at, &secret).await.version, before, "a look wrote something");
    expect_absent(&*vault, &path("github/absent"), "reading after a look").await;
    if vault.info().capabilities.list {
        assert_eq!(vault.list(None, None).await.unwrap().paths, [at], "a look created something");
    }
}

async fn a_look_at_a_vault_that_is_down_ends(subject: &impl Subject) {
    let vault = subject.open();
    subject.take_down().await;
    look(&*vault).await;
    subject.bring_up().await;
    look(&*vault).await;
}
