//! Reading many secrets at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // in a test a panic is the report

mod support;

use cofferdam_vault::testkit::{field, path};
use cofferdam_vault::{ErrorKind, ReadRequest, Scope, Secret, VaultError};
use serde_json::json;
use support::{Fault, Site, text};

fn wanted(count: usize) -> Vec<ReadRequest> {
    (0..count)
        .map(|n| ReadRequest { path: path(&format!("module-{n}/work")), fields: vec![field("token")] })
        .collect()
}

async fn fill(site: &Site, count: usize) {
    for n in 0..count {
        site.put(&format!("module-{n}/work"), &json!({ "token": n.to_string() }).to_string()).await;
    }
}

fn texts(answers: &[Result<Secret, VaultError>]) -> Vec<String> {
    answers.iter().map(|answer| text(answer.as_ref().unwrap())).collect()
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|n| n.to_string()).collect()
}

#[tokio::test]
async fn two_hundred_secrets_take_ten_calls() {
    let site = Site::new().await;
    fill(&site, 200).await;
    let vault = site.open_with(&site.settings());
    let answers = vault.read_many(&wanted(200)).await;
    assert_eq!(texts(&answers), numbers(200));
    assert_eq!((site.front.count("BatchGetSecretValue"), site.front.count("*")), (10, 10));
}

#[tokio::test]
async fn one_secrets_failure_is_its_own() {
    let site = Site::new().await;
    fill(&site, 2).await;
    site.raw("DeleteSecret", json!({}), "module-1/work").await.unwrap();
    site.put("module-2/work", r#"{"other": "canary"}"#).await;
    site.put("module-3/work", r#"{"token": ["canary"]}"#).await;
    site.put("module-4/work", r#"{"token": "4"}"#).await;
    let mut wanted = wanted(6);
    wanted.push(wanted[0].clone());
    let answers = site.open_with(&site.settings()).read_many(&wanted).await;
    let kinds: Vec<_> = answers.iter().map(|answer| answer.as_ref().err().map(VaultError::kind)).collect();
    let (missing, malformed) = (Some(ErrorKind::NotFound), Some(ErrorKind::Malformed));
    assert_eq!(kinds, [None, missing, missing, malformed, None, missing, None]);
    assert_eq!(text(answers[6].as_ref().unwrap()), "0", "asked for twice, answered twice");
    assert_eq!(site.front.count("*"), 1);
}

#[tokio::test]
async fn without_the_permission_secrets_are_read_one_by_one_and_batches_are_not_tried_again() {
    let site = Site::new().await;
    fill(&site, 25).await;
    site.front.set("BatchGetSecretValue", Fault::code(400, "AccessDeniedException"));
    let vault = site.open_with(&site.settings());
    assert_eq!(texts(&vault.read_many(&wanted(25)).await), numbers(25));
    assert_eq!(texts(&vault.read_many(&wanted(3)).await), numbers(3));
    assert_eq!((site.front.count("BatchGetSecretValue"), site.front.count("GetSecretValue")), (1, 28));
}

#[tokio::test]
async fn a_batch_that_leaves_a_secret_out_is_made_up_for() {
    let site = Site::new().await;
    fill(&site, 3).await;
    let vault = site.open_with(&site.settings());
    site.front
        .once("BatchGetSecretValue", Fault::Answer(200, Vec::new(), "{\"SecretValues\": []}".to_owned()));
    assert_eq!(texts(&vault.read_many(&wanted(3)).await), numbers(3));
}

#[tokio::test]
async fn a_vault_that_goes_down_in_between_is_asked_no_further() {
    let site = Site::new().await;
    fill(&site, 20).await;
    let vault = site.open_with(&site.settings());
    for (fault, kind) in [
        (Fault::Dead, ErrorKind::Unavailable),
        (Fault::code(400, "ThrottlingException"), ErrorKind::Throttled),
    ] {
        let before = site.front.count("*");
        site.front.set("*", fault);
        for answer in vault.read_many(&wanted(60)).await {
            let error = answer.unwrap_err();
            assert_eq!((error.kind(), error.scope()), (kind, Scope::Vault));
        }
        assert_eq!(site.front.count("*") - before, 1);
        site.front.clear();
    }
    assert_eq!(texts(&vault.read_many(&wanted(20)).await), numbers(20));
}
