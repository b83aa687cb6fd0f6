//! A keychain that is locked, and a daemon and a bus that end or hang.

use std::time::Duration;

use cofferdam_config::Diagnostics;
use cofferdam_vault::testkit::{fields, path};
use cofferdam_vault::{ErrorKind, Expect, Threads, VaultError};

use super::fixture::{Session, THREADS, open, token};

/// How long a call to a process that hangs is waited for.
const PATIENCE: Duration = Duration::from_millis(300);

/// The most time for what happens soon.
const SOON: Duration = Duration::from_secs(20);

#[track_caller]
fn unavailable(error: &VaultError, hint: &str) {
    assert_eq!((error.kind(), error.allows_stale()), (ErrorKind::Unavailable, true), "{error}");
    assert!(error.message().contains(hint), "{error}");
}

async fn until(what: &str, mut good: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + SOON;
    while !good().await {
        assert!(tokio::time::Instant::now() < end, "not {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_keychain_is_reported_and_nobody_is_asked() {
    let session = Session::start();
    let _prompter = session.watch_prompts().await;
    let vault = session.open("cofferdam");
    let secret = fields([("token", "one")]);
    vault.write(&path("github/work"), &secret, Expect::Any).await.unwrap();
    session.lock();
    // One vault has a connection from before, and the other connects now.
    for vault in [vault, session.open("cofferdam")] {
        unavailable(&token(&*vault, "github/work").await.unwrap_err(), "locked");
        unavailable(&token(&*vault, "no/where").await.unwrap_err(), "locked");
        unavailable(&vault.probe().await.unwrap_err(), "Seahorse");
        unavailable(&vault.list(None, None).await.unwrap_err(), "locked");
        for expect in [Expect::Any, Expect::Absent] {
            let written = vault.write(&path("github/work"), &secret, expect.clone()).await;
            unavailable(&written.unwrap_err(), "locked");
            unavailable(&vault.delete(&path("github/work"), expect).await.unwrap_err(), "locked");
        }
        vault.diagnose(&[path("github/work")], &[], &mut Diagnostics::new()).await;
    }
    assert_eq!(session.prompts(), 0);
    // A program that wants to unlock it asks: the count above would have shown it.
    let lookup = ["lookup", "service", "cofferdam", "username", "github/work"];
    session.secret_tool(&lookup, b"");
    assert!(session.prompts() > 0, "the prompter is asked by a program that unlocks");
    session.unlock().await;
    assert_eq!(token(&*session.open("cofferdam"), "github/work").await.unwrap(), "one");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_with_what_to_do() {
    let session = Session::start();
    let vault = session.open("cofferdam");
    session.process(|service| service.kill_daemon());
    unavailable(&vault.probe().await.unwrap_err(), "GNOME Keyring, KWallet or KeePassXC");
    session.process(|service| service.kill_bus());
    unavailable(&vault.probe().await.unwrap_err(), "there is no session bus at unix:path=");
    unavailable(&vault.probe().await.unwrap_err(), "`bus_address`");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_between_two_calls_fails_neither() {
    let session = Session::start();
    let vault = session.open("cofferdam");
    vault.write(&path("github/work"), &fields([("token", "one")]), Expect::Any).await.unwrap();
    session.process(|service| {
        service.kill_daemon();
        service.start_daemon().unwrap();
    });
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "one");
    session.process(|service| {
        service.kill_bus();
        service.start_bus().unwrap();
        service.start_daemon().unwrap();
    });
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_or_a_bus_that_hangs_holds_no_thread_and_no_connection_for_ever() {
    let session = Session::start();
    let threads = Threads::new("laptop", THREADS);
    let vault = open(session.address(), "cofferdam", threads.clone());
    let healthy = session.open("cofferdam");
    vault.write(&path("github/work"), &fields([("token", "one")]), Expect::Any).await.unwrap();
    let before = session.connections().await;
    type Suspend = fn(&cofferdam_servers::SecretService, bool) -> std::io::Result<()>;
    let hangs: [Suspend; 2] =
        [cofferdam_servers::SecretService::suspend_daemon, cofferdam_servers::SecretService::suspend_bus];
    for suspend in hangs {
        session.process(|service| suspend(service, true).unwrap());
        // More calls than threads, each dropped by its timeout as a compartment drops an attempt.
        let calls = (0..3 * THREADS).map(|_| tokio::time::timeout(PATIENCE, token(&*vault, "github/work")));
        for call in futures_util::future::join_all(calls).await {
            assert!(call.is_err(), "a daemon that hangs returned {call:?}");
        }
        assert!(threads.count() <= THREADS);
        session.process(|service| suspend(service, false).unwrap());
        assert_eq!(token(&*vault, "github/work").await.unwrap(), "one");
        assert_eq!(token(&*healthy, "github/work").await.unwrap(), "one");
        until("ended", async || session.connections().await <= before + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_shared_and_closed() {
    let session = Session::start();
    let vault = session.open("cofferdam");
    let before = session.connections().await;
    for _ in 0..10 {
        vault.probe().await.unwrap();
    }
    assert_eq!(session.connections().await, before + 1, "one call after another takes one connection");
    let calls = (0..32).map(|_| vault.probe());
    futures_util::future::join_all(calls).await.into_iter().for_each(Result::unwrap);
    until("few", async || session.connections().await <= before + 4).await;
    vault.close().await;
    until("closed", async || session.connections().await == before).await;
}
