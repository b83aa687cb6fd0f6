//! Watching a real API server that stops, loses the version, or is cut off.

use std::sync::Arc;

use cofferdam_testing::kubernetes_server::KubernetesServer;
use cofferdam_vault::testkit::path;
use cofferdam_vault::{Change, ErrorKind};
use tokio::task::block_in_place;

use super::fixture::{ALL, Namespace, Route, next, token_of, until_changed};

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_cut_ends_and_the_next_one_reports_what_was_missed() {
    let server = KubernetesServer::shared().await;
    let route = Route::to(&server).await;
    let namespace = Namespace::new(server, ALL, &[]).await;
    let vault = namespace.open_through(&route.address);
    let mut watch = vault.watch();
    assert_eq!(next(&mut watch).await, Ok(Change::None), "it is live");
    namespace.put("github.work", "one").await;
    assert_eq!(until_changed(&mut watch, "github/work").await, [Change::Secret(path("github/work"))]);
    route.connect(false).await;
    assert_eq!(next(&mut watch).await.unwrap_err().kind(), ErrorKind::Unavailable);
    drop(watch);
    namespace.put("notes.work", "missed").await;
    route.connect(true).await;
    let mut watch = vault.watch();
    assert_eq!(next(&mut watch).await, Ok(Change::None));
    assert_eq!(until_changed(&mut watch, "notes/work").await, [Change::Secret(path("notes/work"))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_the_server_has_lost_reports_that_anything_may_have_changed() {
    let server = Arc::new(KubernetesServer::own().await);
    let namespace = Namespace::new(Arc::clone(&server), ALL, &[]).await;
    let vault = namespace.open();
    let mut watch = vault.watch();
    assert_eq!(next(&mut watch).await, Ok(Change::None));
    namespace.put("github.work", "one").await;
    until_changed(&mut watch, "github/work").await;
    block_in_place(|| server.process(|process| process.kill()));
    assert_eq!(next(&mut watch).await.unwrap_err().kind(), ErrorKind::Unavailable);
    drop(watch);
    // A server that was started again knows no changes from before.
    block_in_place(|| server.process(|process| process.revive().unwrap()));
    server.wait_until_ready().await;
    namespace.put("github.work", "two").await;
    block_in_place(|| server.process(|process| process.kill()));
    block_in_place(|| server.process(|process| process.revive().unwrap()));
    server.wait_until_ready().await;
    let mut watch = vault.watch();
    let mut change = next(&mut watch).await.unwrap();
    // The server reports that the version is gone as the first event.
    while change == Change::None {
        change = next(&mut watch).await.unwrap();
    }
    assert_eq!(change, Change::Any);
    assert_eq!(token_of(&*vault, "github/work").await, "two");
    namespace.put("notes.work", "one").await;
    assert_eq!(until_changed(&mut watch, "notes/work").await, [Change::Secret(path("notes/work"))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_is_heard_while_nothing_changes_and_goes_on() {
    let namespace = Namespace::new(KubernetesServer::shared().await, ALL, &[]).await;
    let vault = namespace.open();
    let mut watch = vault.watch();
    assert_eq!(next(&mut watch).await, Ok(Change::None));
    let start = std::time::Instant::now();
    // A bookmark, then the end of the request and the next one.
    for _ in 0..2 {
        assert_eq!(next(&mut watch).await, Ok(Change::None));
    }
    assert!(start.elapsed() < cofferdam_vault::MAX_SILENCE, "{:?}", start.elapsed());
    namespace.put("github.work", "one").await;
    assert_eq!(until_changed(&mut watch, "github/work").await, [Change::Secret(path("github/work"))]);
}
