//! A daemon that wants a person, or that does not follow the specification.

use cofferdam_vault::testkit::{fields, path};
use cofferdam_vault::{ErrorKind, Expect, Scope, VaultError};

use super::daemon::{Calls, Oddity, replace};
use super::fixture::{Session, token};

#[track_caller]
fn expect(error: &VaultError, kind: ErrorKind, scope: Scope, hint: &str) {
    assert_eq!((error.kind(), error.scope()), (kind, scope), "{error}");
    assert!(error.message().contains(hint), "{error}");
    assert!(!error.message().contains("canary"), "{error}");
}

/// Whether a method was called that makes a daemon ask a person.
fn asked(calls: &Calls) -> bool {
    calls.lock().unwrap().iter().any(|method| ["Unlock", "Prompt"].contains(&method.as_str()))
}

#[tokio::test]
async fn a_daemon_that_wants_a_confirmation_gets_none() {
    let session = Session::start();
    let (_bus, calls) = replace(&session, Oddity::Confirms).await;
    let vault = session.open("cofferdam");
    let written = vault.write(&path("new/one"), &fields([("token", "t")]), Expect::Any).await;
    expect(&written.unwrap_err(), ErrorKind::Denied, Scope::Secret, "confirms");
    let deleted = vault.delete(&path("github/work"), Expect::Any).await;
    expect(&deleted.unwrap_err(), ErrorKind::Denied, Scope::Secret, "confirms");
    assert_eq!(calls.lock().unwrap().iter().filter(|method| *method == "Dismiss").count(), 2);
    assert!(!asked(&calls), "{calls:?}");
}

#[tokio::test]
async fn an_item_that_is_locked_by_itself_does_not_stop_the_vault() {
    let session = Session::start();
    let (_bus, calls) = replace(&session, Oddity::LocksItems).await;
    let vault = session.open("cofferdam");
    let read = token(&*vault, "github/work").await;
    expect(&read.unwrap_err(), ErrorKind::Denied, Scope::Secret, "allow programs to use it");
    assert_eq!(vault.probe().await, Ok(()));
    assert!(!asked(&calls), "{calls:?}");
}

#[tokio::test]
async fn a_daemon_that_breaks_the_specification_is_reported_as_such() {
    for (oddity, kind, hint) in [
        (Oddity::NoDefault, ErrorKind::Unavailable, "no default keychain"),
        (Oddity::Plain, ErrorKind::Malformed, "NotSupported"),
        (Oddity::KnownKey, ErrorKind::Malformed, "unexpected reply"),
        (Oddity::Garbage, ErrorKind::Malformed, "unexpected reply"),
        (Oddity::Denies, ErrorKind::Denied, "does not allow"),
        (Oddity::OwnErrors, ErrorKind::Malformed, "com.example.OwnError"),
    ] {
        let session = Session::start();
        let (_bus, calls) = replace(&session, oddity).await;
        let vault = session.open("cofferdam");
        for _ in 0..2 {
            let error = token(&*vault, "github/work").await.unwrap_err();
            expect(&error, kind, Scope::Vault, hint);
        }
        assert!(!asked(&calls), "{calls:?}");
    }
}
