//! What a write guarantees, and how a read-only vault refuses it.

use super::{BackendUnderTest, assert_refused, expect_absent, expect_fields, must_write, names, token};
use crate::testkit::{fields, path};
use crate::{ErrorKind, Expect, Scope, Stage, Version};

pub(super) async fn cases<S: BackendUnderTest>(fresh: &impl AsyncFn() -> S) {
    let capabilities = fresh().await.open().info().capabilities;
    if !capabilities.write {
        a_read_only_vault_refuses_and_changes_nothing(&fresh().await).await;
        return;
    }
    a_write_replaces_the_whole_secret(&fresh().await).await;
    absent_means_nothing_is_there(&fresh().await).await;
    a_wrong_version_changes_nothing(&fresh().await).await;
    deleting_twice_succeeds(&fresh().await).await;
    a_delete_checks_what_it_expects(&fresh().await).await;
    every_handle_sees_a_write(&fresh().await).await;
    what_is_written_is_read_back(&fresh().await).await;
    if capabilities.cas {
        no_version_is_used_twice(&fresh().await).await;
    }
}

async fn a_read_only_vault_refuses_and_changes_nothing(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("github/work"));
    backend.seed(&at, &token("one")).await;
    let version = expect_fields(&*vault, &at, &token("one")).await.version;
    for expect in [Expect::Any, Expect::Absent, Expect::Version(version)] {
        let result = vault.write(&at, &token("two"), expect.clone()).await;
        assert_refused(result, ErrorKind::ReadOnly, Scope::Secret, "writing to a read-only vault");
        let result = vault.delete(&at, expect).await;
        assert_refused(result, ErrorKind::ReadOnly, Scope::Secret, "deleting from a read-only vault");
    }
    expect_fields(&*vault, &at, &token("one")).await;
}

async fn a_write_replaces_the_whole_secret(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("github/work"));
    let both = fields([("username", "ada"), ("password", "lovelace")]);
    let first = must_write(&*vault, &at, &both, Expect::Any).await;
    let read = expect_fields(&*vault, &at, &both).await;
    assert_eq!(read.version, first, "the write returns the version that is read");
    must_write(&*vault, &at, &token("one"), Expect::Any).await;
    expect_fields(&*vault, &at, &token("one")).await;
    let result = vault.read(&at, &names(&both), Stage::Current).await;
    assert_refused(result, ErrorKind::NotFound, Scope::Secret, "reading fields that a write left out");
}

async fn absent_means_nothing_is_there(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("github/work"));
    must_write(&*vault, &at, &token("one"), Expect::Absent).await;
    let result = vault.write(&at, &token("two"), Expect::Absent).await;
    assert_refused(result, ErrorKind::Conflict, Scope::Secret, "writing over a secret that should be absent");
    expect_fields(&*vault, &at, &token("one")).await;
    vault.delete(&at, Expect::Any).await.unwrap();
    must_write(&*vault, &at, &token("three"), Expect::Absent).await;
    expect_fields(&*vault, &at, &token("three")).await;
    backend.remove(&at).await;
    must_write(&*vault, &at, &token("four"), Expect::Absent).await;
}

async fn a_wrong_version_changes_nothing(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("github/work"));
    let first = must_write(&*vault, &at, &token("one"), Expect::Any).await;
    let second = must_write(&*vault, &at, &token("two"), Expect::Version(first.clone())).await;
    let other = must_write(&*vault, &path("notion/work"), &token("n"), Expect::Any).await;
    for wrong in [first.clone(), Version::new("no-such-version"), Version::new("")] {
        let result = vault.write(&at, &token("three"), Expect::Version(wrong.clone())).await;
        assert_refused(result, ErrorKind::Conflict, Scope::Secret, "writing over another version");
        let result = vault.delete(&at, Expect::Version(wrong)).await;
        assert_refused(result, ErrorKind::Conflict, Scope::Secret, "deleting another version");
    }
    assert_eq!(expect_fields(&*vault, &at, &token("two")).await.version, second, "a conflict writes nothing");
    vault.delete(&at, Expect::Version(second.clone())).await.unwrap();
    for gone in [first, second, other] {
        let result = vault.write(&at, &token("three"), Expect::Version(gone)).await;
        assert_refused(result, ErrorKind::Conflict, Scope::Secret, "writing over a version that is deleted");
    }
    expect_absent(&*vault, &at, "reading what was deleted, after refused writes").await;
}

async fn deleting_twice_succeeds(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("github/work"));
    must_write(&*vault, &at, &token("one"), Expect::Any).await;
    for _ in 0..2 {
        vault.delete(&at, Expect::Any).await.unwrap();
        expect_absent(&*vault, &at, "reading a deleted secret").await;
    }
    vault.delete(&path("never/there"), Expect::Any).await.unwrap();
}

async fn a_delete_checks_what_it_expects(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("github/work"));
    vault.delete(&at, Expect::Absent).await.unwrap();
    let nothing = vault.delete(&at, Expect::Version(Version::new("1"))).await;
    assert_refused(nothing, ErrorKind::Conflict, Scope::Secret, "deleting a version of an absent secret");
    let version = must_write(&*vault, &at, &token("one"), Expect::Any).await;
    let result = vault.delete(&at, Expect::Absent).await;
    assert_refused(result, ErrorKind::Conflict, Scope::Secret, "deleting a secret that should be absent");
    expect_fields(&*vault, &at, &token("one")).await;
    vault.delete(&at, Expect::Version(version)).await.unwrap();
    expect_absent(&*vault, &at, "reading a secret that was deleted by its version").await;
}

async fn every_handle_sees_a_write(backend: &impl BackendUnderTest) {
    let (one, other, at) = (backend.open(), backend.open(), path("github/work"));
    expect_absent(&*other, &at, "reading before the first write").await;
    let version = must_write(&*one, &at, &token("one"), Expect::Absent).await;
    let read = expect_fields(&*other, &at, &token("one")).await;
    assert_eq!(read.version, version, "a version is the same for every handle");
    must_write(&*other, &at, &token("two"), Expect::Version(version)).await;
    expect_fields(&*one, &at, &token("two")).await;
    one.delete(&at, Expect::Any).await.unwrap();
    expect_absent(&*other, &at, "reading what another handle deleted").await;
    let late = backend.open();
    expect_absent(&*late, &at, "reading it through a handle that was opened later").await;
}

async fn what_is_written_is_read_back(backend: &impl BackendUnderTest) {
    let vault = backend.open();
    let long = "é".repeat(32 * 1024);
    let all = fields([
        ("Client_ID", "Zoë 鍵 🔑"),
        ("client-secret", "line one\nline two\r\n\ttab \"quote\" 'single' \\ ''' \"\"\" \u{7f}\n"),
        ("private.key", &long),
        ("_x", ""),
    ]);
    must_write(&*vault, &path("github/work"), &all, Expect::Any).await;
    must_write(&*vault, &path("notion/work"), &token("beside it"), Expect::Any).await;
    expect_fields(&*backend.open(), &path("github/work"), &all).await;
}

async fn no_version_is_used_twice(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("github/work"));
    let mut seen = Vec::new();
    for value in ["a", "a", "b", "a", "delete", "a", "b"] {
        if value == "delete" {
            vault.delete(&at, Expect::Any).await.unwrap();
            continue;
        }
        let version = must_write(&*vault, &at, &token(value), Expect::Any).await;
        assert!(!seen.contains(&version), "{version} was returned for an earlier write");
        seen.push(version);
    }
}
