//! What a listing returns, page by page.

use std::collections::BTreeSet;

use super::{BackendUnderTest, assert_refused, token};
use crate::testkit::path;
use crate::{ErrorKind, Scope, SecretPath, Vault};

pub(super) async fn cases<S: BackendUnderTest>(fresh: &impl AsyncFn() -> S) {
    if !fresh().await.open().info().capabilities.list {
        a_vault_that_cannot_list_reports_it(&fresh().await).await;
        return;
    }
    an_empty_vault_lists_nothing(&fresh().await).await;
    each_path_is_listed_once(&fresh().await).await;
    a_prefix_ends_at_a_segment(&fresh().await).await;
    a_deleted_secret_is_not_listed(&fresh().await).await;
}

async fn a_vault_that_cannot_list_reports_it(backend: &impl BackendUnderTest) {
    let vault = backend.open();
    backend.seed(&path("github/work"), &token("one")).await;
    for prefix in [None, Some(&path("github"))] {
        let result = vault.list(prefix, None).await;
        assert_refused(result, ErrorKind::Unsupported, Scope::Secret, "listing");
    }
}

async fn an_empty_vault_lists_nothing(backend: &impl BackendUnderTest) {
    let vault = backend.open();
    assert_eq!(listed(&*vault, None).await, BTreeSet::new());
    assert_eq!(listed(&*vault, Some("github")).await, BTreeSet::new());
}

async fn each_path_is_listed_once(backend: &impl BackendUnderTest) {
    let all: BTreeSet<SecretPath> = (0..25)
        .map(|n| path(&format!("module-{}/account_{n}", n % 4)))
        .chain([path("single"), path("a/b/c/d")])
        .collect();
    for at in &all {
        backend.seed(at, &token("one")).await;
    }
    assert_eq!(listed(&*backend.open(), None).await, all);
}

async fn a_prefix_ends_at_a_segment(backend: &impl BackendUnderTest) {
    for at in ["git", "git/work", "git/eu/work", "git-hub/work", "github/work", "gi/t"] {
        backend.seed(&path(at), &token("one")).await;
    }
    let vault = backend.open();
    assert_eq!(listed(&*vault, Some("git")).await, ["git", "git/work", "git/eu/work"].map(path).into());
    assert_eq!(listed(&*vault, Some("git/work")).await, [path("git/work")].into());
    assert_eq!(listed(&*vault, Some("git/w")).await, BTreeSet::new());
}

async fn a_deleted_secret_is_not_listed(backend: &impl BackendUnderTest) {
    let vault = backend.open();
    for at in ["github/personal", "github/work"] {
        backend.seed(&path(at), &token("one")).await;
    }
    backend.remove(&path("github/work")).await;
    assert_eq!(listed(&*vault, None).await, [path("github/personal")].into());
}

/// All pages together. Fails if a path is listed twice or the pages never end.
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
