//! What every vault answers to a read.

use std::future::poll_fn;
use std::task::Poll;

use super::{Subject, assert_holds, assert_refused, expect_absent, expect_fields, names, token};
use crate::testkit::{field, fields, path};
use crate::{BoxFuture, ErrorKind, ReadRequest, Scope, SecretFields, Stage};

pub(super) async fn cases<S: Subject>(fresh: &impl AsyncFn() -> S) {
    an_absent_secret_is_not_found(&fresh().await).await;
    a_secret_is_read_until_it_is_removed(&fresh().await).await;
    only_a_missing_field_is_not_found(&fresh().await).await;
    values_come_back_byte_for_byte(&fresh().await).await;
    an_empty_value_is_empty_or_missing(&fresh().await).await;
    odd_field_names_are_kept_apart(&fresh().await).await;
    many_fields_come_in_one_answer(&fresh().await).await;
    every_field_comes_where_none_is_named(&fresh().await).await;
    accounts_do_not_meet(&fresh().await).await;
    every_handle_sees_a_change_with_a_new_version(&fresh().await).await;
    many_reads_answer_in_order_each_for_itself(&fresh().await).await;
    a_cancelled_read_leaves_the_vault_usable(&fresh().await).await;
    the_previous_state_is_there_or_refused(&fresh().await).await;
}

async fn an_absent_secret_is_not_found(subject: &impl Subject) {
    let vault = subject.open();
    expect_absent(&*vault, &path("github/work"), "reading an absent secret").await;
    let answers =
        vault.read_many(&[ReadRequest { path: path("github/work"), fields: vec![field("token")] }]).await;
    assert_eq!(answers.len(), 1);
    for answer in answers {
        assert_refused(answer, ErrorKind::NotFound, Scope::Secret, "reading many absent secrets");
    }
}

async fn a_secret_is_read_until_it_is_removed(subject: &impl Subject) {
    let (vault, at) = (subject.open(), path("github/work"));
    subject.seed(&at, &token("one")).await;
    expect_fields(&*vault, &at, &token("one")).await;
    subject.remove(&at).await;
    expect_absent(&*vault, &at, "reading a deleted secret").await;
    subject.seed(&at, &token("two")).await;
    expect_fields(&*vault, &at, &token("two")).await;
}

async fn only_a_missing_field_is_not_found(subject: &impl Subject) {
    let (vault, at) = (subject.open(), path("github/work"));
    subject.seed(&at, &fields([("username", "ada"), ("password", "lovelace")])).await;
    expect_fields(&*vault, &at, &fields([("password", "lovelace")])).await;
    for wanted in [vec![field("token")], vec![field("username"), field("token")]] {
        let answer = vault.read(&at, &wanted, Stage::Current).await;
        assert_refused(answer, ErrorKind::NotFound, Scope::Secret, "reading a field that is missing");
    }
}

async fn values_come_back_byte_for_byte(subject: &impl Subject) {
    let vault = subject.open();
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
        subject.seed(&at, &token(value)).await;
        expect_fields(&*vault, &at, &token(value)).await;
    }
}

async fn an_empty_value_is_empty_or_missing(subject: &impl Subject) {
    let (vault, at) = (subject.open(), path("github/work"));
    subject.seed(&at, &fields([("token", ""), ("username", "ada")])).await;
    if subject.holds_empty_values() {
        expect_fields(&*vault, &at, &fields([("token", ""), ("username", "ada")])).await;
    } else {
        expect_absent(&*vault, &at, "reading an empty field").await;
        expect_fields(&*vault, &at, &fields([("username", "ada")])).await;
    }
}

async fn odd_field_names_are_kept_apart(subject: &impl Subject) {
    let (vault, at) = (subject.open(), path("odd/names"));
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
    subject.seed(&at, &all).await;
    expect_fields(&*vault, &at, &all).await;
}

async fn many_fields_come_in_one_answer(subject: &impl Subject) {
    let (vault, at) = (subject.open(), path("many/fields"));
    let all: SecretFields =
        (0..100).flat_map(|n| fields([(&*format!("field_{n}"), &*format!("value {n}"))])).collect();
    subject.seed(&at, &all).await;
    expect_fields(&*vault, &at, &all).await;
}

async fn every_field_comes_where_none_is_named(subject: &impl Subject) {
    let (vault, at) = (subject.open(), path("github/work"));
    let all = fields([("token", "one"), ("not.in-a_manifest", "two")]);
    let nobody_knows = !vault.info().capabilities.list;
    match vault.read(&at, &[], Stage::Current).await {
        Ok(secret) if nobody_knows => assert!(secret.fields.is_empty()),
        answer => {
            assert_refused(answer, ErrorKind::NotFound, Scope::Secret, "reading all of an absent secret")
        }
    }
    subject.seed(&at, &all).await;
    let secret = vault.read(&at, &[], Stage::Current).await.unwrap();
    if nobody_knows {
        assert!(secret.fields.is_empty(), "a vault without `list` has nobody to ask");
    } else {
        assert_eq!(names(&secret.fields), names(&all));
        assert_holds(&secret, &all);
        assert_eq!(secret.version, expect_fields(&*vault, &at, &all).await.version);
    }
}

async fn accounts_do_not_meet(subject: &impl Subject) {
    let vault = subject.open();
    let paths =
        ["github/default", "github/work", "github/work-2", "gitlab/default", "github/eu/work"].map(path);
    for at in &paths {
        subject.seed(at, &token(at.as_str())).await;
    }
    for at in &paths {
        expect_fields(&*vault, at, &token(at.as_str())).await;
    }
    subject.remove(&paths[1]).await;
    expect_absent(&*vault, &paths[1], "reading the one that was deleted").await;
    for at in paths.iter().filter(|at| **at != paths[1]) {
        expect_fields(&*vault, at, &token(at.as_str())).await;
    }
}

async fn every_handle_sees_a_change_with_a_new_version(subject: &impl Subject) {
    let (one, other, at) = (subject.open(), subject.open(), path("github/work"));
    subject.seed(&at, &token("first")).await;
    let before = [
        expect_fields(&*one, &at, &token("first")).await,
        expect_fields(&*other, &at, &token("first")).await,
    ];
    let again = expect_fields(&*one, &at, &token("first")).await;
    assert_eq!(again.version, before[0].version, "nothing was written, so the version is the same");
    subject.seed(&at, &token("other")).await;
    let after = [
        expect_fields(&*one, &at, &token("other")).await,
        expect_fields(&*other, &at, &token("other")).await,
    ];
    for (before, after) in before.iter().zip(&after) {
        assert_ne!(before.version, after.version, "the value changed, and the version with it");
    }
}

async fn many_reads_answer_in_order_each_for_itself(subject: &impl Subject) {
    let vault = subject.open();
    let request = |at: &str, name: &str| ReadRequest { path: path(at), fields: vec![field(name)] };
    subject.seed(&path("github/work"), &token("g")).await;
    subject.seed(&path("notion/work"), &token("n")).await;
    let wanted = [
        request("notion/work", "token"),
        request("absent/work", "token"),
        request("github/work", "token"),
        request("github/work", "missing"),
        request("notion/work", "token"),
    ];
    let mut answers = vault.read_many(&wanted).await;
    assert_eq!(answers.len(), wanted.len(), "one answer for each");
    for (at, value) in [(4, Some("n")), (3, None), (2, Some("g")), (1, None), (0, Some("n"))] {
        match (answers.remove(at), value) {
            (Ok(secret), Some(value)) => assert_holds(&secret, &token(value)),
            (Err(error), Some(_)) => panic!("answer {at} must be a secret and was {error:?}"),
            (answer, None) => {
                assert_refused(answer, ErrorKind::NotFound, Scope::Secret, "one of many that is missing");
            }
        }
    }
    assert!(vault.read_many(&[]).await.is_empty(), "nothing wanted, nothing answered");
}

async fn a_cancelled_read_leaves_the_vault_usable(subject: &impl Subject) {
    let (vault, at) = (subject.open(), path("github/work"));
    subject.seed(&at, &token("one")).await;
    for _ in 0..64 {
        let names = [field("token")];
        poll_once(vault.read(&at, &names, Stage::Current)).await;
        poll_once(vault.probe()).await;
    }
    expect_fields(&*vault, &at, &token("one")).await;
    assert_eq!(vault.probe().await, Ok(()));
}

/// Begins the call and drops it, wherever it stands then.
async fn poll_once<T>(mut call: BoxFuture<'_, T>) {
    poll_fn(|context| {
        let _ = call.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
}

async fn the_previous_state_is_there_or_refused(subject: &impl Subject) {
    let (vault, at) = (subject.open(), path("github/work"));
    let previous = |wanted: SecretFields| {
        let (vault, at) = (&vault, &at);
        async move { vault.read(at, &names(&wanted), Stage::Previous).await }
    };
    if !vault.info().capabilities.previous {
        subject.seed(&at, &token("one")).await;
        subject.seed(&at, &token("two")).await;
        let answer = previous(token("one")).await;
        assert_refused(answer, ErrorKind::Unsupported, Scope::Secret, "reading a previous state");
        return;
    }
    let absent = previous(token("one")).await;
    assert_refused(absent, ErrorKind::NotFound, Scope::Secret, "the previous state of an absent secret");
    subject.seed(&at, &token("one")).await;
    let first = expect_fields(&*vault, &at, &token("one")).await;
    let none = previous(token("one")).await;
    assert_refused(none, ErrorKind::NotFound, Scope::Secret, "the state before the first one");
    for (value, before) in [("two", "one"), ("three", "two")] {
        subject.seed(&at, &token(value)).await;
        let secret = previous(token(before)).await.unwrap();
        assert_holds(&secret, &token(before));
        expect_fields(&*vault, &at, &token(value)).await;
    }
    subject.seed(&at, &token("one")).await;
    subject.seed(&at, &token("four")).await;
    let back = previous(token("one")).await.unwrap();
    assert_ne!(back.version, first.version, "the same content written later is another state");
}
