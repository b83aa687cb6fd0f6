//! Where credentials come from: a role, and each part of the standard chain in a process of its own.

use std::process::Stdio;

use cofferdam_testing::moto::{self, Fault, MotoEnv, token};
use cofferdam_vault::{ErrorKind, Scope};
use serde_json::json;
use tokio::process::Command;

const ROLE: &str = "arn:aws:iam::123456789012:role/cofferdam";

fn with_role(env: &MotoEnv, more: &str) -> String {
    format!("{}assume_role = '{ROLE}'\nsts_endpoint = '{}'\n{more}", env.settings(), env.address)
}

#[tokio::test]
async fn a_role_is_taken_on_once_for_many_reads() {
    let env = MotoEnv::new().await;
    env.put("github/work", r#"{"token": "t"}"#).await;
    let vault = env.open_with(&with_role(&env, "external_id = 'shared-7'\nsession_name = 'cofferdam-eu'\n"));
    for _ in 0..3 {
        assert_eq!(token(&*vault, "github/work").await.unwrap(), "t");
    }
    let [asked] = &env.proxy.seen("AssumeRole")[..] else { panic!("one login serves many reads") };
    for part in ["ExternalId=shared-7", "RoleSessionName=cofferdam-eu", "role%2Fcofferdam"] {
        assert!(asked.body.contains(part), "{part}");
    }
    assert!(asked.authorization.contains("AKIDEXAMPLE"));
    for read in env.proxy.seen("GetSecretValue") {
        assert!(read.authorization.contains("Credential=ASIA"), "signed by the role's session");
    }
}

#[tokio::test]
async fn a_session_that_ended_is_started_again() {
    let env = MotoEnv::new().await;
    env.put("github/work", r#"{"token": "t"}"#).await;
    let vault = env.open_with(&with_role(&env, ""));
    token(&*vault, "github/work").await.unwrap();
    env.proxy.once("GetSecretValue", Fault::code(400, "ExpiredTokenException"));
    let ended = token(&*vault, "github/work").await.unwrap_err();
    assert_eq!((ended.kind(), ended.scope()), (ErrorKind::Unauthenticated, Scope::Vault));
    token(&*vault, "github/work").await.unwrap();
    assert_eq!(env.proxy.count("AssumeRole"), 2);
}

#[tokio::test]
async fn a_role_that_is_refused_differs_from_a_token_service_that_is_down() {
    use ErrorKind as K;
    let env = MotoEnv::new().await;
    env.put("github/work", r#"{"token": "t"}"#).await;
    let refusal = |status: u16, code: &str| {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>canary</Message></Error></ErrorResponse>"
        );
        Fault::Answer(status, vec![("content-type", "text/xml".to_owned())], body)
    };
    let vault = env.open_with(&with_role(&env, ""));
    for (fault, kind) in [
        (refusal(403, "AccessDenied"), K::Unauthenticated),
        (refusal(403, "InvalidClientTokenId"), K::Unauthenticated),
        (refusal(400, "Throttling"), K::Throttled),
        (refusal(500, "InternalFailure"), K::Unavailable),
        (refusal(403, "RegionDisabledException"), K::Misconfigured),
        (Fault::Dead, K::Unavailable),
    ] {
        let what = format!("{fault:?}");
        let before = env.proxy.count("AssumeRole");
        env.proxy.set("AssumeRole", fault);
        let error = token(&*vault, "github/work").await.unwrap_err();
        assert_eq!((error.kind(), error.scope()), (kind, Scope::Vault), "{what}: {error:?}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        assert_eq!(env.proxy.count("AssumeRole") - before, 1, "{what}: one attempt");
        env.proxy.clear();
    }
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "t");
}

/// A process, not a test: it reads a secret with the credentials that the standard chain finds in its environment.
#[tokio::test]
#[ignore = "the other tests of this file start it"]
async fn reader_process() {
    let Ok(folder) = std::env::var("COFFERDAM_TEST_FOLDER") else { return };
    let settings = std::env::var("COFFERDAM_TEST_SETTINGS").unwrap();
    let vault = moto::open(folder.as_ref(), &settings);
    match token(&*vault, "github/work").await {
        Ok(token) => println!("read {token}"),
        Err(error) => println!("refused {}", error.kind()),
    }
}

/// The output of a process whose only settings of AWS are in `environment`.
async fn read_with(env: &MotoEnv, environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "aws::login::reader_process", "--nocapture"])
        .env_clear()
        .env("COFFERDAM_TEST_FOLDER", env.dir.path())
        .env("COFFERDAM_TEST_SETTINGS", env.settings().replace("credentials_file = 'credentials'", ""))
        .env("HOME", env.dir.path())
        // Never requests the metadata of the machine: a test stays on loopback.
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().copied())
        .stdin(Stdio::null());
    let output = command.output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.contains("read t") || line.contains("refused"));
    line.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr))).to_owned()
}

async fn env_with_secret() -> MotoEnv {
    let env = MotoEnv::new().await;
    env.put("github/work", r#"{"token": "t"}"#).await;
    env
}

#[tokio::test]
async fn the_chain_takes_static_credentials_of_the_environment() {
    let env = env_with_secret().await;
    let line =
        read_with(&env, &[("AWS_ACCESS_KEY_ID", "AKIDSTATIC"), ("AWS_SECRET_ACCESS_KEY", "canary")]).await;
    assert!(line.ends_with("read t"), "{line}");
    assert!(env.proxy.seen("GetSecretValue")[0].authorization.contains("AKIDSTATIC"));
}

#[tokio::test]
async fn nothing_else_of_the_environment_counts() {
    let env = env_with_secret().await;
    let environment = [
        ("AWS_ACCESS_KEY_ID", "AKIDSTATIC"),
        ("AWS_SECRET_ACCESS_KEY", "canary"),
        ("AWS_REGION", "us-west-2"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9"),
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("http_proxy", "http://127.0.0.1:9"),
        ("ALL_PROXY", "http://127.0.0.1:9"),
    ];
    let line = read_with(&env, &environment).await;
    assert!(line.ends_with("read t"), "{line}");
    assert!(env.proxy.seen("GetSecretValue")[0].authorization.contains("/eu-central-1/"));
}

#[tokio::test]
async fn the_chain_takes_a_profile_of_the_users_files() {
    let env = env_with_secret().await;
    std::fs::create_dir(env.dir.path().join(".aws")).unwrap();
    std::fs::copy(env.dir.path().join("credentials"), env.dir.path().join(".aws/credentials")).unwrap();
    let line = read_with(&env, &[]).await;
    assert!(line.ends_with("read t"), "{line}");
}

#[tokio::test]
async fn the_chain_takes_a_web_identity() {
    let env = env_with_secret().await;
    let file = env.dir.path().join("token");
    std::fs::write(&file, "canary.of.identity").unwrap();
    let environment = [
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap()),
        ("AWS_ENDPOINT_URL_STS", &env.address),
    ];
    let line = read_with(&env, &environment).await;
    assert!(line.ends_with("read t"), "{line}");
    assert_eq!(env.proxy.count("AssumeRoleWithWebIdentity"), 1);
    assert!(env.proxy.seen("GetSecretValue")[0].authorization.contains("Credential=ASIA"));
}

#[tokio::test]
async fn the_chain_takes_the_containers_credentials() {
    let env = env_with_secret().await;
    let body = json!({
        "AccessKeyId": "ASIACONTAINER", "SecretAccessKey": "canary", "Token": "canary", "Expiration": "2099-01-01T00:00:00Z",
    });
    let headers = vec![("content-type", "application/json".to_owned())];
    env.proxy.set("/container", Fault::Answer(200, headers, body.to_string()));
    let address = format!("{}/container", env.address);
    let line = read_with(&env, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &address)]).await;
    assert!(line.ends_with("read t"), "{line}");
    assert!(env.proxy.seen("GetSecretValue")[0].authorization.contains("ASIACONTAINER"));
}

#[tokio::test]
async fn the_chain_takes_the_instances_credentials() {
    let env = env_with_secret().await;
    let plain = |body: &str| {
        let ttl = ("x-aws-ec2-metadata-token-ttl-seconds", "21600".to_owned());
        Fault::Answer(200, vec![("content-type", "text/plain".to_owned()), ttl], body.to_owned())
    };
    let body = json!({
        "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z",
        "AccessKeyId": "ASIAINSTANCE", "SecretAccessKey": "canary", "Token": "canary", "Expiration": "2099-01-01T00:00:00Z",
    });
    env.proxy.set("/latest/api/token", plain("session"));
    env.proxy.set("/latest/meta-data/iam/security-credentials/", plain("role"));
    env.proxy.set("/latest/meta-data/iam/security-credentials/role", plain(&body.to_string()));
    let environment =
        [("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", env.address.as_str())];
    let line = read_with(&env, &environment).await;
    assert!(line.ends_with("read t"), "{line}");
    assert!(env.proxy.seen("GetSecretValue")[0].authorization.contains("ASIAINSTANCE"));
}

#[tokio::test]
async fn a_chain_that_finds_nothing_says_so() {
    let env = env_with_secret().await;
    let line = read_with(&env, &[]).await;
    assert!(line.ends_with("refused misconfigured"), "{line}");
    assert_eq!(env.proxy.count("*"), 0);
}
