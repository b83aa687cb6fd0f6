//! What a listing holds, page by page.

use std::collections::BTreeSet;

use super::{Subject, assert_refused, token};
use crate::testkit::path;
use crate::{ErrorKind, Scope, SecretPath, Vault};

pub(super) async fn cases<S: Subject>(fresh: &impl AsyncFn() -> S) {
    if !fresh().await.open().info().capabilities.list {
        a_vault_that_cannot_list_says_so(&fresh().await).await;
        return;
    }
    an_empty_vault_lists_nothing(&fresh().await).await;
    each_path_is_listed_once(&fresh().await).await;
    a_prefix_ends_at_a_segment(&fresh().await).await;
    a_deleted_secret_is_not_listed(&fresh().await).await;
}

async fn a_vault_that_cannot_list_says_so(subject: &impl Subject) {
    let vault = subject.open();
    subject.seed(&path("github/work"), &token("one")).await;
    for prefix in [None, Some(&path("github"))] {
        let answer = vault.list(prefix, None).await;
        assert_refused(answer, ErrorKind::Unsupported, Scope::Secret, "listing");
    }
}

async fn an_empty_vault_lists_nothing(subject: &impl Subject) {
    let vault = subject.open();
    assert_eq!(listed(&*vault, None).await, BTreeSet::new());
    assert_eq!(listed(&*vault, Some("github")).await, BTreeSet::new());
}

async fn each_path_is_listed_once(subject: &impl Subject) {
    let all: BTreeSet<SecretPath> = (0..25)
        .map(|n| path(&format!("module-{}/account_{n}", n % 4)))
        .chain([path("single"), path("a/b/c/d")])
        .collect();
    for at in &all {
        subject.seed(at, &token("one")).await;
    }
    assert_eq!(listed(&*subject.open(), None).await, all);
}

async fn a_prefix_ends_at_a_segment(subject: &impl Subject) {
    for at in ["git", "git/work", "git/eu/work", "git-hub/work", "github/work", "gi/t"] {
        subject.seed(&path(at), &token("one")).await;
    }
    let vault = subject.open();
    assert_eq!(listed(&*vault, Some("git")).await, ["git", "git/work", "git/eu/work"].map(path).into());
    assert_eq!(listed(&*vault, Some("git/work")).await, [path("git/work")].into());
    assert_eq!(listed(&*vault, Some("git/w")).await, BTreeSet::new());
}

async fn a_deleted_secret_is_not_listed(subject: &impl Subject) {
    let vault = subject.open();
    for at in ["github/personal", "github/work"] {
        subject.seed(&path(at), &token("one")).await;
    }
    subject.remove(&path("github/work")).await;
    assert_eq!(listed(&*vault, None).await, [path("github/personal")].into());
}

/// All pages together; fails where a path comes twice or the pages never end.
async fn listed(vault: &dyn Vault, prefix: Option<&str>) -> BTreeSet<SecretPath> {
    let prefix = prefix.map(path);
    let (mut all, mut after) = (BTreeSet::new(), None);
    for _ in 0..1000 {
        let page = match vault.list(prefix.as_ref(), after.as_ref()).await {
            Ok(page) => page,
            Err(error) => panic!("listing must succeed and was {error:?}"),
        };
        for path in page.paths {
            assert!(all.insert(path.clone()), "{path} was listed twice");
        }
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
    panic!("the pages never end");
}
