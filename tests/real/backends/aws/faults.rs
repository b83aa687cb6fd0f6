//! Faults of the server and of the login, and changes by other programs. The vault is never reopened.

use std::time::Duration;

use cofferdam_testing::moto::{self, Fault, MotoEnv, text, token};
use cofferdam_vault::testkit::{field, path};
use cofferdam_vault::{ErrorKind, Scope, Stage, VaultError};
use serde_json::json;

#[track_caller]
fn expect_refusal<T>(answer: Result<T, VaultError>, kind: ErrorKind, scope: Scope, what: &str) -> VaultError {
    let Err(error) = answer else { panic!("{what}: must be {kind}, and succeeded") };
    assert_eq!((error.kind(), error.scope()), (kind, scope), "{what}: {error:?}");
    assert!(!format!("{error:?}").contains("canary"), "{what}: {error:?}");
    error
}

fn answer(status: u16, kind: &str, body: &str) -> Fault {
    Fault::Answer(status, vec![("content-type", kind.to_owned())], body.to_owned())
}

#[tokio::test]
async fn each_fault_has_its_kind_and_is_over_when_it_is_over() {
    use ErrorKind as K;
    let env = MotoEnv::new().await;
    env.put("github/work", r#"{"token": "canary"}"#).await;
    let vault = env.open_with(&env.settings());
    for (fault, kind, scope) in [
        (Fault::code(400, "ThrottlingException"), K::Throttled, Scope::Vault),
        (Fault::code(400, "TooManyRequestsException"), K::Throttled, Scope::Vault),
        (Fault::code(429, "Whatever"), K::Throttled, Scope::Vault),
        (answer(429, "text/plain", "slow down"), K::Throttled, Scope::Vault),
        (Fault::code(400, "AccessDeniedException"), K::Denied, Scope::Secret),
        (Fault::code(400, "DecryptionFailure"), K::Denied, Scope::Secret),
        (Fault::code(400, "ExpiredTokenException"), K::Unauthenticated, Scope::Vault),
        (Fault::code(400, "UnrecognizedClientException"), K::Unauthenticated, Scope::Vault),
        (Fault::code(403, "InvalidSignatureException"), K::Unauthenticated, Scope::Vault),
        (Fault::code(500, "InternalServiceError"), K::Unavailable, Scope::Vault),
        (answer(503, "text/html", "<html>canary</html>"), K::Unavailable, Scope::Vault),
        (answer(200, "text/html", "<html>canary</html>"), K::Malformed, Scope::Vault),
        (
            answer(200, "application/x-amz-json-1.1", "{\"SecretString\": \"canary"),
            K::Malformed,
            Scope::Vault,
        ),
        (
            answer(200, "application/x-amz-json-1.1", "{\"SecretString\": \"canary\"}"),
            K::Malformed,
            Scope::Vault,
        ),
        (answer(404, "text/plain", "canary"), K::Malformed, Scope::Vault),
        (Fault::Dead, K::Unavailable, Scope::Vault),
        (Fault::BreaksOff, K::Unavailable, Scope::Vault),
    ] {
        let what = format!("{fault:?}");
        let before = env.proxy.count("*");
        env.proxy.set("GetSecretValue", fault);
        expect_refusal(token(&*vault, "github/work").await, kind, scope, &what);
        assert_eq!(env.proxy.count("*") - before, 1, "{what}: one attempt, and no retry");
        env.proxy.clear();
        assert_eq!(token(&*vault, "github/work").await.unwrap(), "canary", "{what}");
    }
}

#[tokio::test]
async fn a_throttled_answer_brings_its_pause() {
    let env = MotoEnv::new().await;
    let vault = env.open_with(&env.settings());
    let Fault::Answer(status, mut headers, body) = Fault::code(400, "ThrottlingException") else {
        unreachable!()
    };
    headers.push(("retry-after", "7".to_owned()));
    env.proxy.set("*", Fault::Answer(status, headers, body));
    let error = expect_refusal(token(&*vault, "a/b").await, ErrorKind::Throttled, Scope::Vault, "a read");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    expect_refusal(vault.probe().await, ErrorKind::Throttled, Scope::Vault, "a probe");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (env, elsewhere) = (MotoEnv::new().await, MotoEnv::new().await);
    let vault = env.open_with(&env.settings());
    for status in [301, 302, 307, 308] {
        env.proxy
            .set("*", Fault::Answer(status, vec![("location", elsewhere.address.clone())], String::new()));
        expect_refusal(token(&*vault, "a/b").await, ErrorKind::Malformed, Scope::Vault, "a redirect");
    }
    assert_eq!(elsewhere.proxy.count("*"), 0);
}

#[tokio::test]
async fn a_closed_port_is_unavailable() {
    let env = MotoEnv::new().await;
    let closed = cofferdam_servers::free().unwrap();
    let settings = env.settings().replace(&env.address, &format!("http://127.0.0.1:{closed}"));
    let error = token(&*env.open_with(&settings), "a/b").await;
    let error = expect_refusal(error, ErrorKind::Unavailable, Scope::Vault, "a closed port");
    assert!(error.message().contains("connection refused"), "{error}");
}

#[tokio::test]
async fn a_read_that_was_dropped_while_the_server_was_silent_harms_no_other() {
    let env = MotoEnv::new().await;
    env.put("github/work", r#"{"token": "t"}"#).await;
    let vault = env.open_with(&env.settings());
    env.proxy.set("GetSecretValue", Fault::Silent);
    let hung = tokio::spawn({
        let vault = vault.clone();
        async move { token(&*vault, "github/work").await }
    });
    env.proxy.wait_for("GetSecretValue", 1).await;
    hung.abort();
    env.proxy.clear();
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "t");
}

#[tokio::test]
async fn the_probe_takes_no_permission() {
    let env = MotoEnv::new().await;
    let vault = env.open_with(&env.settings());
    env.proxy.set("*", Fault::code(400, "AccessDeniedException"));
    assert_eq!(vault.probe().await, Ok(()));
    env.proxy.set("*", Fault::code(400, "UnrecognizedClientException"));
    expect_refusal(
        vault.probe().await,
        ErrorKind::Unauthenticated,
        Scope::Vault,
        "a login that is not taken",
    );
    assert_eq!(env.proxy.count("GetSecretValue"), 0, "a probe reads no secret");
}

#[tokio::test]
async fn a_refused_login_reads_the_credentials_again() {
    let env = MotoEnv::new().await;
    env.put("github/work", r#"{"token": "t"}"#).await;
    let vault = env.open_with(&env.settings());
    token(&*vault, "github/work").await.unwrap();
    let rotated = moto::CREDENTIALS.replace("AKIDEXAMPLE", "AKIDROTATED");
    std::fs::write(env.dir.path().join("credentials"), rotated).unwrap();
    token(&*vault, "github/work").await.unwrap();
    env.proxy.once("GetSecretValue", Fault::code(400, "UnrecognizedClientException"));
    let refused = token(&*vault, "github/work").await;
    expect_refusal(refused, ErrorKind::Unauthenticated, Scope::Vault, "the old key");
    token(&*vault, "github/work").await.unwrap();
    let keys: Vec<bool> = env
        .proxy
        .seen("GetSecretValue")
        .iter()
        .map(|seen| seen.authorization.contains("AKIDROTATED"))
        .collect();
    assert_eq!(
        keys,
        [false, false, false, true],
        "one login serves many reads, and a refused one is replaced"
    );
}

#[tokio::test]
async fn missing_credentials_are_found_when_they_come() {
    let env = MotoEnv::new().await;
    env.put("github/work", r#"{"token": "t"}"#).await;
    let file = env.dir.path().join("credentials");
    std::fs::remove_file(&file).unwrap();
    let vault = env.open_with(&env.settings());
    for broken in [None, Some(""), Some("[other]\naws_access_key_id = canary\n"), Some("[default\ncanary")] {
        if let Some(broken) = broken {
            std::fs::write(&file, broken).unwrap();
        }
        let refused = token(&*vault, "github/work").await;
        expect_refusal(refused, ErrorKind::Misconfigured, Scope::Vault, &format!("{broken:?}"));
        expect_refusal(vault.probe().await, ErrorKind::Misconfigured, Scope::Vault, "a probe");
    }
    std::fs::write(&file, moto::CREDENTIALS).unwrap();
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "t");
}

#[tokio::test]
async fn the_region_may_be_in_the_aws_profile() {
    let env = MotoEnv::new().await;
    env.put("github/work", r#"{"token": "t"}"#).await;
    let config = env.dir.path().join("config");
    std::fs::write(&config, "[profile team]\noutput = json\n").unwrap();
    std::fs::write(env.dir.path().join("credentials"), moto::CREDENTIALS.replace("default", "team")).unwrap();
    let settings =
        env.settings().replace("region = 'eu-central-1'", "config_file = 'config'\nprofile = 'team'");
    let vault = env.open_with(&settings);
    let refused = token(&*vault, "github/work").await;
    let error = expect_refusal(refused, ErrorKind::Misconfigured, Scope::Vault, "no region");
    assert!(error.message().contains("`region`"), "{error}");
    std::fs::write(&config, "[profile team]\nregion = eu-central-1\n").unwrap();
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "t");
}

#[tokio::test]
async fn a_secret_that_was_rotated_twice_has_the_last_one_as_previous() {
    let env = MotoEnv::new().await;
    let vault = env.open_with(&env.settings());
    for value in ["one", "two", "three"] {
        env.put("github/work", &json!({ "token": value }).to_string()).await;
        assert_eq!(token(&*vault, "github/work").await.unwrap(), value);
    }
    let previous = vault.read(&path("github/work"), &[field("token")], Stage::Previous).await.unwrap();
    assert_eq!(text(&previous), "two");
}

#[tokio::test]
async fn a_secret_that_others_delete_and_restore_goes_and_comes() {
    let env = MotoEnv::new().await;
    let vault = env.open_with(&env.settings());
    env.put("github/work", r#"{"token": "t"}"#).await;
    env.raw("DeleteSecret", json!({}), "github/work").await.unwrap();
    expect_refusal(token(&*vault, "github/work").await, ErrorKind::NotFound, Scope::Secret, "deleted");
    env.raw("RestoreSecret", json!({}), "github/work").await.unwrap();
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "t");
}

#[tokio::test]
async fn what_others_store_otherwise_is_understood_or_named() {
    let env = MotoEnv::new().await;
    let vault = env.open_with(&env.settings());
    env.put("plain/work", "canary-plain\n").await;
    assert_eq!(token(&*vault, "plain/work").await.unwrap(), "canary-plain\n");
    let both = vault.read(&path("plain/work"), &[field("token"), field("username")], Stage::Current).await;
    expect_refusal(both, ErrorKind::Malformed, Scope::Secret, "two fields of plain text");
    env.put("broken/work", r#"{"token": "canary"#).await;
    expect_refusal(token(&*vault, "broken/work").await, ErrorKind::Malformed, Scope::Secret, "broken JSON");
    env.raw("CreateSecret", json!({ "SecretBinary": "Y2FuYXJ5" }), "binary/work").await.unwrap();
    expect_refusal(token(&*vault, "binary/work").await, ErrorKind::Malformed, Scope::Secret, "bytes");
}
