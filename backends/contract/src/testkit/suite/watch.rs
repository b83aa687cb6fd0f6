//! What a watch reports, and how a store that cannot be watched refuses.

use std::time::Duration;

use futures_util::StreamExt as _;

use super::{BackendUnderTest, assert_refused, expect_absent, expect_fields, must_write, token};
use crate::testkit::path;
use crate::{BoxStream, Change, ErrorKind, Expect, Scope, SecretPath, VaultError};

/// Longer than any store takes to report a change.
const TIMEOUT: Duration = Duration::from_secs(30);

type Watch<'a> = BoxStream<'a, Result<Change, VaultError>>;

pub(super) async fn cases<S: BackendUnderTest>(fresh: &impl AsyncFn() -> S) {
    if !fresh().await.open().info().capabilities.watch {
        a_vault_that_cannot_be_watched_reports_it(&fresh().await).await;
        return;
    }
    every_change_is_reported(&fresh().await).await;
    two_watches_report_the_same_change(&fresh().await).await;
    a_watch_of_a_vault_that_is_down_fails_and_a_later_one_works(&fresh().await).await;
}

async fn a_vault_that_cannot_be_watched_reports_it(backend: &impl BackendUnderTest) {
    let vault = backend.open();
    let items: Vec<_> = vault.watch().take(2).collect().await;
    assert_eq!(items.len(), 1, "one error, and nothing after it");
    for item in items {
        assert_refused(item, ErrorKind::Unsupported, Scope::Secret, "watching");
    }
}

async fn every_change_is_reported(backend: &impl BackendUnderTest) {
    let (vault, at, user) = (backend.open(), path("github/work"), SecretPath::user_segment("issuer", "ada"));
    let other = path("notes/my_account-2").join(&user);
    backend.seed(&other, &token("before")).await;
    let mut watch = vault.watch();
    go_live(&mut watch).await;
    backend.seed(&at, &token("one")).await;
    expect_change(&mut watch, &at).await;
    expect_fields(&*vault, &at, &token("one")).await;
    backend.seed(&at, &token("two")).await;
    expect_change(&mut watch, &at).await;
    expect_fields(&*vault, &at, &token("two")).await;
    backend.seed(&other, &token("after")).await;
    expect_change(&mut watch, &other).await;
    expect_fields(&*vault, &other, &token("after")).await;
    backend.remove(&at).await;
    expect_change(&mut watch, &at).await;
    expect_absent(&*vault, &at, "reading a secret whose deletion was reported").await;
    if vault.info().capabilities.write {
        must_write(&*vault, &at, &token("own"), Expect::Any).await;
        expect_change(&mut watch, &at).await;
    }
}

async fn two_watches_report_the_same_change(backend: &impl BackendUnderTest) {
    let (one, other, at) = (backend.open(), backend.open(), path("github/work"));
    let (mut first, mut second) = (one.watch(), other.watch());
    go_live(&mut first).await;
    go_live(&mut second).await;
    backend.seed(&at, &token("one")).await;
    expect_change(&mut first, &at).await;
    drop(first);
    expect_change(&mut second, &at).await;
}

async fn a_watch_of_a_vault_that_is_down_fails_and_a_later_one_works(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("github/work"));
    let kind = backend.take_down().await;
    let items = tokio::time::timeout(TIMEOUT, vault.watch().take(2).collect::<Vec<_>>()).await;
    let items = items.expect("a watch of a vault that is down ends");
    assert_eq!(items.len(), 1, "one error, and nothing after it");
    for item in items {
        assert_refused(item, kind, Scope::Vault, "watching a vault that is down");
    }
    backend.bring_up().await;
    let mut watch = vault.watch();
    go_live(&mut watch).await;
    backend.seed(&at, &token("one")).await;
    expect_change(&mut watch, &at).await;
}

/// Waits until the watch is live.
async fn go_live(watch: &mut Watch<'_>) {
    next(watch, "the watch goes live").await;
}

/// Waits for an item that reports a change of `path`.
async fn expect_change(watch: &mut Watch<'_>, path: &SecretPath) {
    // A watch that is heard and misses the change must not make the suite wait for ever.
    let reported = async {
        loop {
            match next(watch, "a change is reported").await {
                Change::Any => return,
                Change::Secret(changed) if changed == *path => return,
                Change::Secret(_) | Change::None => {}
            }
        }
    };
    assert!(tokio::time::timeout(TIMEOUT, reported).await.is_ok(), "a change of {path} is not reported");
}

async fn next(watch: &mut Watch<'_>, what: &str) -> Change {
    match tokio::time::timeout(TIMEOUT, watch.next()).await {
        Ok(Some(Ok(change))) => change,
        ended => panic!("{what}, and was {ended:?}"),
    }
}
