//! Items of people and other programs, and what they see of ours.

use cofferdam_vault::testkit::{field, fields, path};
use cofferdam_vault::{ErrorKind, Expect, Scope, Stage, Vault};

use super::fixture::{Session, token};

async fn refused(vault: &dyn Vault, at: &str, kind: ErrorKind, hint: &str) {
    let error = token(vault, at).await.unwrap_err();
    assert_eq!((error.kind(), error.scope()), (kind, Scope::Secret), "{error}");
    assert!(error.message().contains(hint) && error.message().contains(at), "{error}");
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn a_person_stores_a_token_by_hand_and_changes_ours() {
    let (session, service) = (Session::start(), "cofferdam");
    let vault = session.open(service);
    session.store(service, "github/work", b"by hand");
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "by hand");
    let lookup = |at: &str| session.secret_tool(&["lookup", "service", service, "username", at], b"").stdout;

    let all = fields([("token", "line one\nline two\n"), ("user", "ada")]);
    vault.write(&path("github/work"), &all, Expect::Any).await.unwrap();
    let seen: serde_json::Value = serde_json::from_slice(&lookup("github/work")).unwrap();
    assert_eq!((&seen["token"], &seen["user"]), (&"line one\nline two\n".into(), &"ada".into()));
    let ours = vault.read(&path("github/work"), &[field("user")], Stage::Current).await.unwrap().version;
    session.store(service, "github/work", br#"{"token": "edited", "cofferdam:salt": "copied"}"#);
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "edited");
    let stale = vault.write(&path("github/work"), &all, Expect::Version(ours)).await.unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Conflict);

    vault.write(&path("notion/work"), &all, Expect::Absent).await.unwrap();
    let found = session.secret_tool(&["search", "--all", "service", service], b"");
    let found = String::from_utf8([found.stdout, found.stderr].concat()).unwrap();
    assert!(found.contains("label = cofferdam: notion/work"), "a person finds it by its label");
    vault.delete(&path("notion/work"), Expect::Any).await.unwrap();
    assert!(lookup("notion/work").is_empty());
}

#[tokio::test]
async fn what_other_programs_stored_is_read_or_refused_and_never_guessed() {
    let session = Session::start();
    let vault = session.open("cofferdam");
    let at = |username: &'static str| [("service", "cofferdam"), ("username", username)];
    session.create(&at("bin/ary"), b"canary\xff\xfe\x00").await;
    refused(&*vault, "bin/ary", ErrorKind::Malformed, "UTF-8").await;
    session.create(&at("half/json"), br#"{"token": "canary"#).await;
    refused(&*vault, "half/json", ErrorKind::Malformed, "JSON").await;
    // Another library adds an attribute of its own, so the two are two items.
    session.create(&at("two/items"), b"canary").await;
    let more = [&at("two/items")[..], &[("application", "Python keyring library")]].concat();
    session.create(&more, b"canary").await;
    refused(&*vault, "two/items", ErrorKind::Malformed, "not unique").await;
    for result in [
        vault.write(&path("two/items"), &fields([("token", "t")]), Expect::Any).await.map(drop),
        vault.delete(&path("two/items"), Expect::Any).await,
    ] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Malformed, "which of them is meant is unknown");
    }
    session.create(&[&at("one/more")[..], &[("application", "x")]].concat(), b"one").await;
    assert_eq!(token(&*vault, "one/more").await.unwrap(), "one");

    // Names that no path has, another service, and no name at all.
    session.create(&at("Ada Lovelace <ada@example.com>"), b"canary").await;
    session.create(&at("../github/work"), b"canary").await;
    session.create(&[("service", "cofferdam")], b"canary").await;
    session.create(&[("service", "other"), ("username", "github/work")], b"canary").await;
    let listed = vault.list(None, None).await.unwrap();
    assert_eq!(listed.paths, ["bin/ary", "half/json", "one/more", "two/items"].map(path));
    refused(&*vault, "github/work", ErrorKind::NotFound, "cofferdam secret set").await;
}

#[tokio::test]
async fn a_secret_that_is_too_large_is_refused_with_the_limit() {
    let session = Session::start();
    let vault = session.open("cofferdam");
    let at = [("service", "cofferdam"), ("username", "large/one")];
    let large = "x".repeat(1 << 20);
    session.create(&at, large.as_bytes()).await;
    assert_eq!(token(&*vault, "large/one").await.unwrap().len(), 1 << 20);
    session.replace(&at, format!("{large}y").as_bytes()).await;
    refused(&*vault, "large/one", ErrorKind::Malformed, "1048576 bytes").await;
    let error =
        vault.write(&path("large/two"), &fields([("token", large.as_str())]), Expect::Any).await.unwrap_err();
    assert_eq!((error.kind(), error.scope()), (ErrorKind::Malformed, Scope::Secret));
}
