//! Secrets that others made, that cannot be written, or that are being deleted.

use std::sync::Arc;

use cofferdam_testing::kubernetes_server::KubernetesServer;
use cofferdam_vault::ErrorKind::{Conflict, Malformed, NotFound, ReadOnly, Unsupported};
use cofferdam_vault::testkit::{expect_error, field, fields, path};
use cofferdam_vault::{Expect, Scope, SecretPath, Stage, Version};
use serde_json::{Value, json};

use super::fixture::{ALL, Namespace, read, token_of};

async fn namespace() -> Namespace {
    Namespace::new(KubernetesServer::shared().await, ALL, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_changes_the_values_and_nothing_else() {
    let (namespace, at) = (namespace().await, path("github/work"));
    let vault = namespace.open();
    let metadata =
        json!({ "name": "github.work", "labels": { "team": "a" }, "annotations": { "note": "b" } });
    let more = json!({ "metadata": metadata, "type": "example.com/own" });
    namespace.server.put(&namespace.name, "github.work", &[("token", b"one"), ("old", b"x")], more).await;
    let before = namespace.stored("github.work").await;
    let version = read(&*vault, "github/work").await.unwrap().version;
    let ids = ["uid", "resourceVersion"].map(|key| before["metadata"][key].as_str().unwrap());
    assert_eq!(version, Version::new(ids.join(".")), "both are part of the version");
    vault.write(&at, &fields([("token", "two")]), Expect::Version(version)).await.unwrap();
    let after = namespace.stored("github.work").await;
    assert_eq!(after["data"], json!({ "token": "dHdv" }));
    assert_eq!(after["type"], "example.com/own");
    assert_eq!(after["metadata"]["labels"]["team"], "a");
    assert_eq!(after["metadata"]["annotations"]["note"], "b");
    assert!(after["metadata"]["labels"]["cofferdam/write"].is_string(), "it is marked as ours");
    // Without labels at first.
    namespace.put("notes.work", "one").await;
    vault.write(&path("notes/work"), &fields([("token", "two")]), Expect::Any).await.unwrap();
    assert!(namespace.stored("notes.work").await["metadata"]["labels"]["cofferdam/write"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_over_a_newer_version_is_refused() {
    let (namespace, at) = (namespace().await, path("github/work"));
    let vault = namespace.open();
    namespace.put("github.work", "one").await;
    let version = read(&*vault, "github/work").await.unwrap().version;
    namespace.put("github.work", "two").await;
    let late = vault.write(&at, &fields([("token", "late")]), Expect::Version(version.clone())).await;
    expect_error(late, Conflict, Scope::Secret);
    expect_error(vault.delete(&at, Expect::Version(version)).await, Conflict, Scope::Secret);
    assert_eq!(token_of(&*vault, "github/work").await, "two");
    // Those who expect nothing all succeed, one after the other.
    let writes = (0..4).map(|n| {
        let (vault, at) = (Arc::clone(&vault), at.clone());
        tokio::spawn(
            async move { vault.write(&at, &fields([("token", &*n.to_string())]), Expect::Any).await },
        )
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_immutable_secret_is_read_only() {
    let (namespace, at) = (namespace().await, path("github/work"));
    let vault = namespace.open();
    namespace
        .server
        .put(&namespace.name, "github.work", &[("token", b"one")], json!({ "immutable": true }))
        .await;
    assert_eq!(token_of(&*vault, "github/work").await, "one");
    let written = vault.write(&at, &fields([("token", "two")]), Expect::Any).await;
    let error = expect_error(written, ReadOnly, Scope::Secret);
    assert!(error.message().contains("is immutable"), "{error}");
    vault.delete(&at, Expect::Any).await.unwrap();
    vault.write(&at, &fields([("token", "two")]), Expect::Absent).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_being_deleted_is_absent_and_not_written() {
    let (namespace, at) = (namespace().await, path("github/work"));
    let vault = namespace.open();
    let metadata = json!({ "name": "github.work", "finalizers": ["example.com/wait"] });
    let more = json!({ "metadata": metadata });
    namespace.server.put(&namespace.name, "github.work", &[("token", b"one")], more).await;
    vault.delete(&at, Expect::Any).await.unwrap();
    expect_error(read(&*vault, "github/work").await, NotFound, Scope::Secret);
    assert!(vault.list(None, None).await.unwrap().paths.is_empty());
    for expect in [Expect::Any, Expect::Absent] {
        let written = vault.write(&at, &fields([("token", "two")]), expect).await;
        expect_error(written, Conflict, Scope::Secret);
    }
    let patch = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "github.work" } });
    let api_path = format!("api/v1/namespaces/{}/secrets/github.work", namespace.name);
    namespace.server.admin("PUT", &api_path, patch).await;
    vault.write(&at, &fields([("token", "two")]), Expect::Absent).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_above_one_mebibyte_is_refused_with_the_reason() {
    let (namespace, at) = (namespace().await, path("github/work"));
    let vault = namespace.open();
    let fits = "x".repeat(1024 * 1024);
    vault.write(&at, &fields([("t", &*fits)]), Expect::Any).await.unwrap();
    let read = vault.read(&at, &[field("t")], Stage::Current).await.unwrap();
    assert_eq!(read.expose(&field("t")).map(str::len), Some(fits.len()));
    for size in [1024 * 1024 + 1, 4 * 1024 * 1024] {
        let large = "x".repeat(size);
        for at in ["github/work", "new/work"] {
            let written = vault.write(&path(at), &fields([("t", &*large)]), Expect::Any).await;
            let error = expect_error(written, Unsupported, Scope::Secret);
            assert!(error.message().contains("at most 1 MiB"), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_text_concerns_its_own_field() {
    let namespace = namespace().await;
    let vault = namespace.open();
    let all: &[(&str, &[u8])] = &[("token", b"one"), ("keystore", b"\xff\xfe"), ("0name", b"x")];
    namespace.server.put(&namespace.name, "github.work", all, json!({})).await;
    assert_eq!(token_of(&*vault, "github/work").await, "one");
    let bytes = vault.read(&path("github/work"), &[field("keystore")], Stage::Current).await;
    expect_error(bytes, Malformed, Scope::Secret);
    expect_error(vault.read(&path("github/work"), &[], Stage::Current).await, Malformed, Scope::Secret);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_is_written_read_and_listed() {
    let namespace = namespace().await;
    let vault = namespace.open();
    let segment = "s".repeat(64);
    let long = [segment.as_str(); 5].join("/");
    let user = SecretPath::user_segment("https://id.example", "Zoë/..").to_string();
    let mut all: Vec<SecretPath> =
        ["a-", "a--b", "a--d", "a_b/c__d-", "x-1/y_2", &long, &user].map(path).to_vec();
    for at in &all {
        vault.write(at, &fields([("token", at.as_str())]), Expect::Absent).await.unwrap();
    }
    // Not a path of ours, so it is not listed.
    namespace.put("a--x", "other").await;
    for at in &all {
        assert_eq!(token_of(&*vault, at.as_str()).await, at.as_str());
    }
    let mut listed = vault.list(None, None).await.unwrap().paths;
    listed.sort();
    all.sort();
    assert_eq!(listed, all);
    let names: Vec<String> =
        all.iter().map(|at| vault.resource(at).unwrap().split_once('/').unwrap().1.to_owned()).collect();
    for name in names {
        assert!(namespace.stored(&name).await["data"]["token"].is_string(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_of_many_pages_holds_no_value() {
    let namespace = namespace().await;
    let vault = namespace.open();
    for n in 0..260 {
        namespace.put(&format!("many.s{n}"), "canary").await;
    }
    let first = vault.list(None, None).await.unwrap();
    assert_eq!(first.paths.len(), 250);
    let second = vault.list(None, first.next.as_ref()).await.unwrap();
    assert_eq!((second.paths.len(), second.next), (10, None));
    let api_path = format!("api/v1/namespaces/{}/secrets?limit=1&continue=canary", namespace.name);
    assert_eq!(namespace.server.ask("GET", &api_path, Value::Null).await.0, 400, "as the server does");
    let wrong = vault.list(None, Some(&cofferdam_vault::PageToken("canary".to_owned()))).await.unwrap_err();
    assert!(wrong.scope() == Scope::Secret && !wrong.message().contains("canary"), "{wrong}");
}
