//! Reading many secrets at once.

use cofferdam_testing::moto::{Fault, MotoEnv, text};
use cofferdam_vault::testkit::{field, path};
use cofferdam_vault::{ErrorKind, ReadRequest, Scope, Secret, VaultError};
use serde_json::json;

fn requests(count: usize) -> Vec<ReadRequest> {
    (0..count)
        .map(|n| ReadRequest { path: path(&format!("module-{n}/work")), fields: vec![field("token")] })
        .collect()
}

async fn write_secrets(env: &MotoEnv, count: usize) {
    for n in 0..count {
        env.put(&format!("module-{n}/work"), &json!({ "token": n.to_string() }).to_string()).await;
    }
}

fn tokens(answers: &[Result<Secret, VaultError>]) -> Vec<String> {
    answers.iter().map(|answer| text(answer.as_ref().unwrap())).collect()
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|n| n.to_string()).collect()
}

#[tokio::test]
async fn two_hundred_secrets_take_ten_calls() {
    let env = MotoEnv::new().await;
    write_secrets(&env, 200).await;
    let vault = env.open_with(&env.settings());
    let answers = vault.read_many(&requests(200)).await;
    assert_eq!(tokens(&answers), numbers(200));
    assert_eq!((env.proxy.count("BatchGetSecretValue"), env.proxy.count("*")), (10, 10));
}

#[tokio::test]
async fn one_secrets_failure_is_its_own() {
    let env = MotoEnv::new().await;
    write_secrets(&env, 2).await;
    env.raw("DeleteSecret", json!({}), "module-1/work").await.unwrap();
    env.put("module-2/work", r#"{"other": "canary"}"#).await;
    env.put("module-3/work", r#"{"token": "half a pair: \ud83d, canary"}"#).await;
    env.put("module-4/work", r#"{"token": "4"}"#).await;
    let mut requests = requests(6);
    requests.push(requests[0].clone());
    let answers = env.open_with(&env.settings()).read_many(&requests).await;
    let kinds: Vec<_> = answers.iter().map(|answer| answer.as_ref().err().map(VaultError::kind)).collect();
    let (missing, malformed) = (Some(ErrorKind::NotFound), Some(ErrorKind::Malformed));
    assert_eq!(kinds, [None, missing, missing, malformed, None, missing, None]);
    assert_eq!(text(answers[6].as_ref().unwrap()), "0", "requested twice, returned twice");
    assert_eq!(env.proxy.count("*"), 1);
}

#[tokio::test]
async fn without_the_permission_secrets_are_read_one_by_one_and_batches_are_not_tried_again() {
    let env = MotoEnv::new().await;
    write_secrets(&env, 25).await;
    env.proxy.set("BatchGetSecretValue", Fault::code(400, "AccessDeniedException"));
    let vault = env.open_with(&env.settings());
    assert_eq!(tokens(&vault.read_many(&requests(25)).await), numbers(25));
    assert_eq!(tokens(&vault.read_many(&requests(3)).await), numbers(3));
    assert_eq!((env.proxy.count("BatchGetSecretValue"), env.proxy.count("GetSecretValue")), (1, 28));
}

#[tokio::test]
async fn a_batch_that_leaves_a_secret_out_is_made_up_for() {
    let env = MotoEnv::new().await;
    write_secrets(&env, 3).await;
    let vault = env.open_with(&env.settings());
    env.proxy
        .once("BatchGetSecretValue", Fault::Answer(200, Vec::new(), "{\"SecretValues\": []}".to_owned()));
    assert_eq!(tokens(&vault.read_many(&requests(3)).await), numbers(3));
}

#[tokio::test]
async fn a_vault_that_goes_down_in_between_is_asked_no_further() {
    let env = MotoEnv::new().await;
    write_secrets(&env, 20).await;
    let vault = env.open_with(&env.settings());
    for (fault, kind) in [
        (Fault::Dead, ErrorKind::Unavailable),
        (Fault::code(400, "ThrottlingException"), ErrorKind::Throttled),
    ] {
        let before = env.proxy.count("*");
        env.proxy.set("*", fault);
        for answer in vault.read_many(&requests(60)).await {
            let error = answer.unwrap_err();
            assert_eq!((error.kind(), error.scope()), (kind, Scope::Vault));
        }
        assert_eq!(env.proxy.count("*") - before, 1);
        env.proxy.clear();
    }
    assert_eq!(tokens(&vault.read_many(&requests(20)).await), numbers(20));
}
