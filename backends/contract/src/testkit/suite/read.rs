//! What a read returns.

use std::future::poll_fn;
use std::task::Poll;

use super::{BackendUnderTest, assert_fields, assert_refused, expect_absent, expect_fields, names, token};
use crate::testkit::{field, fields, path};
use crate::{BoxFuture, ErrorKind, ReadRequest, Scope, SecretFields, Stage};

pub(super) async fn cases<S: BackendUnderTest>(fresh: &impl AsyncFn() -> S) {
    an_absent_secret_is_not_found(&fresh().await).await;
    a_secret_is_read_until_it_is_removed(&fresh().await).await;
    only_a_missing_field_is_not_found(&fresh().await).await;
    values_come_back_byte_for_byte(&fresh().await).await;
    an_empty_value_is_empty_or_missing(&fresh().await).await;
    odd_field_names_are_distinct(&fresh().await).await;
    many_fields_are_read_at_once(&fresh().await).await;
    every_field_is_read_if_none_is_named(&fresh().await).await;
    accounts_are_separate(&fresh().await).await;
    every_handle_sees_a_change_with_a_new_version(&fresh().await).await;
    many_reads_return_in_order_and_fail_separately(&fresh().await).await;
    a_cancelled_read_leaves_the_vault_usable(&fresh().await).await;
    the_previous_state_is_there_or_refused(&fresh().await).await;
}

async fn an_absent_secret_is_not_found(backend: &impl BackendUnderTest) {
    let vault = backend.open();
    expect_absent(&*vault, &path("github/work"), "reading an absent secret").await;
    let results =
        vault.read_many(&[ReadRequest { path: path("github/work"), fields: vec![field("token")] }]).await;
    assert_eq!(results.len(), 1);
    for result in results {
        assert_refused(result, ErrorKind::NotFound, Scope::Secret, "reading many absent secrets");
    }
}

async fn a_secret_is_read_until_it_is_removed(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("github/work"));
    backend.seed(&at, &token("one")).await;
    expect_fields(&*vault, &at, &token("one")).await;
    backend.remove(&at).await;
    expect_absent(&*vault, &at, "reading a deleted secret").await;
    backend.seed(&at, &token("two")).await;
    expect_fields(&*vault, &at, &token("two")).await;
}

async fn only_a_missing_field_is_not_found(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("github/work"));
    backend.seed(&at, &fields([("username", "ada"), ("password", "lovelace")])).await;
    expect_fields(&*vault, &at, &fields([("password", "lovelace")])).await;
    for names in [vec![field("token")], vec![field("username"), field("token")]] {
        let result = vault.read(&at, &names, Stage::Current).await;
        assert_refused(result, ErrorKind::NotFound, Scope::Secret, "reading a field that is missing");
    }
}

async fn values_come_back_byte_for_byte(backend: &impl BackendUnderTest) {
    let vault = backend.open();
    let long = "0123456789abcdef".repeat(4096);
    let values = [
        "plain",
        "Zoë — 鍵 🔑 e\u{301} \u{202e}",
        "-----BEGIN KEY-----\nline one\nline two\n-----END KEY-----\n",
        "with\r\nline\ttabs",
        " spaces around ",
        "\n",
        r#"quote " and ' and \ and \n and # and $HOME and ${HOME} and = and `"#,
        "'",
        "\"",
        "\\",
        "#",
        "$",
        "{\"json\": [true, null]}",
        &long,
    ];
    for (number, value) in values.iter().enumerate() {
        let at = path(&format!("values/v{number}"));
        backend.seed(&at, &token(value)).await;
        expect_fields(&*vault, &at, &token(value)).await;
    }
}

async fn an_empty_value_is_empty_or_missing(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("github/work"));
    backend.seed(&at, &fields([("token", ""), ("username", "ada")])).await;
    if backend.holds_empty_values() {
        expect_fields(&*vault, &at, &fields([("token", ""), ("username", "ada")])).await;
    } else {
        expect_absent(&*vault, &at, "reading an empty field").await;
        expect_fields(&*vault, &at, &fields([("username", "ada")])).await;
    }
}

async fn odd_field_names_are_distinct(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("odd/names"));
    let longest = "f".repeat(64);
    let all = fields([
        ("Client_ID", "1"),
        ("client-secret", "2"),
        ("_x", "3"),
        ("private.key", "4"),
        ("a", "5"),
        ("true", "6"),
        (&longest, "7"),
    ]);
    backend.seed(&at, &all).await;
    expect_fields(&*vault, &at, &all).await;
}

async fn many_fields_are_read_at_once(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("many/fields"));
    let all: SecretFields =
        (0..100).flat_map(|n| fields([(&*format!("field_{n}"), &*format!("value {n}"))])).collect();
    backend.seed(&at, &all).await;
    expect_fields(&*vault, &at, &all).await;
}

async fn every_field_is_read_if_none_is_named(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("github/work"));
    let all = fields([("token", "one"), ("not.in-a_manifest", "two")]);
    let nobody_knows = !vault.info().capabilities.list;
    match vault.read(&at, &[], Stage::Current).await {
        Ok(secret) if nobody_knows => assert!(secret.fields.is_empty()),
        result => {
            assert_refused(result, ErrorKind::NotFound, Scope::Secret, "reading all of an absent secret")
        }
    }
    backend.seed(&at, &all).await;
    let secret = vault.read(&at, &[], Stage::Current).await.unwrap();
    if nobody_knows {
        assert!(secret.fields.is_empty(), "a vault without `list` knows no field names");
    } else {
        assert_eq!(names(&secret.fields), names(&all));
        assert_fields(&secret, &all);
        assert_eq!(secret.version, expect_fields(&*vault, &at, &all).await.version);
    }
}

async fn accounts_are_separate(backend: &impl BackendUnderTest) {
    let vault = backend.open();
    let paths =
        ["github/default", "github/work", "github/work-2", "gitlab/default", "github/eu/work"].map(path);
    for at in &paths {
        backend.seed(at, &token(at.as_str())).await;
    }
    for at in &paths {
        expect_fields(&*vault, at, &token(at.as_str())).await;
    }
    backend.remove(&paths[1]).await;
    expect_absent(&*vault, &paths[1], "reading the one that was deleted").await;
    for at in paths.iter().filter(|at| **at != paths[1]) {
        expect_fields(&*vault, at, &token(at.as_str())).await;
    }
}

async fn every_handle_sees_a_change_with_a_new_version(backend: &impl BackendUnderTest) {
    let (one, other, at) = (backend.open(), backend.open(), path("github/work"));
    backend.seed(&at, &token("first")).await;
    let before = [
        expect_fields(&*one, &at, &token("first")).await,
        expect_fields(&*other, &at, &token("first")).await,
    ];
    let again = expect_fields(&*one, &at, &token("first")).await;
    assert_eq!(again.version, before[0].version, "nothing was written, so the version is the same");
    backend.seed(&at, &token("other")).await;
    let after = [
        expect_fields(&*one, &at, &token("other")).await,
        expect_fields(&*other, &at, &token("other")).await,
    ];
    for (before, after) in before.iter().zip(&after) {
        assert_ne!(before.version, after.version, "the value changed, and the version with it");
    }
}

async fn many_reads_return_in_order_and_fail_separately(backend: &impl BackendUnderTest) {
    let vault = backend.open();
    let request = |at: &str, name: &str| ReadRequest { path: path(at), fields: vec![field(name)] };
    backend.seed(&path("github/work"), &token("g")).await;
    backend.seed(&path("notion/work"), &token("n")).await;
    let requests = [
        request("notion/work", "token"),
        request("absent/work", "token"),
        request("github/work", "token"),
        request("github/work", "missing"),
        request("notion/work", "token"),
    ];
    let mut results = vault.read_many(&requests).await;
    assert_eq!(results.len(), requests.len(), "one result for each");
    for (at, value) in [(4, Some("n")), (3, None), (2, Some("g")), (1, None), (0, Some("n"))] {
        match (results.remove(at), value) {
            (Ok(secret), Some(value)) => assert_fields(&secret, &token(value)),
            (Err(error), Some(_)) => panic!("result {at} must be a secret and was {error:?}"),
            (result, None) => {
                assert_refused(result, ErrorKind::NotFound, Scope::Secret, "one of many that is missing");
            }
        }
    }
    assert!(vault.read_many(&[]).await.is_empty(), "no request, no result");
}

async fn a_cancelled_read_leaves_the_vault_usable(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("github/work"));
    backend.seed(&at, &token("one")).await;
    for _ in 0..64 {
        let names = [field("token")];
        poll_once(vault.read(&at, &names, Stage::Current)).await;
        poll_once(vault.probe()).await;
    }
    expect_fields(&*vault, &at, &token("one")).await;
    assert_eq!(vault.probe().await, Ok(()));
}

/// Starts the call and drops it after one poll.
async fn poll_once<T>(mut call: BoxFuture<'_, T>) {
    poll_fn(|context| {
        let _ = call.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
}

async fn the_previous_state_is_there_or_refused(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("github/work"));
    let previous = |fields: SecretFields| {
        let (vault, at) = (&vault, &at);
        async move { vault.read(at, &names(&fields), Stage::Previous).await }
    };
    if !vault.info().capabilities.previous {
        backend.seed(&at, &token("one")).await;
        backend.seed(&at, &token("two")).await;
        let result = previous(token("one")).await;
        assert_refused(result, ErrorKind::Unsupported, Scope::Secret, "reading a previous state");
        return;
    }
    let absent = previous(token("one")).await;
    assert_refused(absent, ErrorKind::NotFound, Scope::Secret, "the previous state of an absent secret");
    backend.seed(&at, &token("one")).await;
    let first = expect_fields(&*vault, &at, &token("one")).await;
    let none = previous(token("one")).await;
    assert_refused(none, ErrorKind::NotFound, Scope::Secret, "the state before the first one");
    for (value, before) in [("two", "one"), ("three", "two")] {
        backend.seed(&at, &token(value)).await;
        let secret = previous(token(before)).await.unwrap();
        assert_fields(&secret, &token(before));
        expect_fields(&*vault, &at, &token(value)).await;
    }
    backend.seed(&at, &token("one")).await;
    backend.seed(&at, &token("four")).await;
    let back = previous(token("one")).await.unwrap();
    assert_ne!(back.version, first.version, "the same content written later is another state");
}
