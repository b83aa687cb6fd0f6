//! Where credentials come from: a role, and each link of the standard chain in a process of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // in a test a panic is the report

mod support;

use std::process::Stdio;

use cofferdam_vault::{ErrorKind, Scope};
use serde_json::json;
use support::{Fault, Site, token};
use tokio::process::Command;

const ROLE: &str = "arn:aws:iam::123456789012:role/cofferdam";

fn with_role(site: &Site, more: &str) -> String {
    format!("{}assume_role = '{ROLE}'\nsts_endpoint = '{}'\n{more}", site.settings(), site.address)
}

#[tokio::test]
async fn a_role_is_taken_on_once_for_many_reads() {
    let site = Site::new().await;
    site.put("github/work", r#"{"token": "t"}"#).await;
    let vault =
        site.open_with(&with_role(&site, "external_id = 'shared-7'\nsession_name = 'cofferdam-eu'\n"));
    for _ in 0..3 {
        assert_eq!(token(&*vault, "github/work").await.unwrap(), "t");
    }
    let [asked] = &site.front.seen("AssumeRole")[..] else { panic!("one login serves many reads") };
    for part in ["ExternalId=shared-7", "RoleSessionName=cofferdam-eu", "role%2Fcofferdam"] {
        assert!(asked.body.contains(part), "{part}");
    }
    assert!(asked.authorization.contains("AKIDEXAMPLE"));
    for read in site.front.seen("GetSecretValue") {
        assert!(read.authorization.contains("Credential=ASIA"), "signed by the role's session");
    }
}

#[tokio::test]
async fn a_session_that_ended_is_taken_on_anew() {
    let site = Site::new().await;
    site.put("github/work", r#"{"token": "t"}"#).await;
    let vault = site.open_with(&with_role(&site, ""));
    token(&*vault, "github/work").await.unwrap();
    site.front.once("GetSecretValue", Fault::code(400, "ExpiredTokenException"));
    let ended = token(&*vault, "github/work").await.unwrap_err();
    assert_eq!((ended.kind(), ended.scope()), (ErrorKind::Unauthenticated, Scope::Vault));
    token(&*vault, "github/work").await.unwrap();
    assert_eq!(site.front.count("AssumeRole"), 2);
}

#[tokio::test]
async fn a_role_that_is_refused_is_told_from_a_token_service_that_is_down() {
    use ErrorKind as K;
    let site = Site::new().await;
    site.put("github/work", r#"{"token": "t"}"#).await;
    let refusal = |status: u16, code: &str| {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>canary</Message></Error></ErrorResponse>"
        );
        Fault::Answer(status, vec![("content-type", "text/xml".to_owned())], body)
    };
    let vault = site.open_with(&with_role(&site, ""));
    for (fault, kind) in [
        (refusal(403, "AccessDenied"), K::Unauthenticated),
        (refusal(403, "InvalidClientTokenId"), K::Unauthenticated),
        (refusal(400, "Throttling"), K::Throttled),
        (refusal(500, "InternalFailure"), K::Unavailable),
        (refusal(403, "RegionDisabledException"), K::Misconfigured),
        (Fault::Dead, K::Unavailable),
    ] {
        let what = format!("{fault:?}");
        let before = site.front.count("AssumeRole");
        site.front.set("AssumeRole", fault);
        let error = token(&*vault, "github/work").await.unwrap_err();
        assert_eq!((error.kind(), error.scope()), (kind, Scope::Vault), "{what}: {error:?}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        assert_eq!(site.front.count("AssumeRole") - before, 1, "{what}: one attempt");
        site.front.clear();
    }
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "t");
}

/// Not a test: a process that reads a secret with what the standard chain finds in its environment.
#[tokio::test]
#[ignore = "the other tests of this file start it"]
async fn reader_process() {
    let Ok(folder) = std::env::var("COFFERDAM_TEST_FOLDER") else { return };
    let settings = std::env::var("COFFERDAM_TEST_SETTINGS").unwrap();
    let vault = support::open(folder.as_ref(), &settings);
    match token(&*vault, "github/work").await {
        Ok(token) => println!("read {token}"),
        Err(error) => println!("refused {}", error.kind()),
    }
}

/// What a process of its own says that has `environment` and nothing else of AWS.
async fn read_with(site: &Site, environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "reader_process", "--nocapture"])
        .env_clear()
        .env("COFFERDAM_TEST_FOLDER", site.dir.path())
        .env("COFFERDAM_TEST_SETTINGS", site.settings().replace("credentials_file = 'credentials'", ""))
        .env("HOME", site.dir.path())
        // Never asks the machine's own metadata: a test stays on loopback.
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().copied())
        .stdin(Stdio::null());
    let output = command.output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = text.lines().find(|line| line.contains("read t") || line.contains("refused"));
    said.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr))).to_owned()
}

async fn filled() -> Site {
    let site = Site::new().await;
    site.put("github/work", r#"{"token": "t"}"#).await;
    site
}

#[tokio::test]
async fn the_chain_takes_static_credentials_of_the_environment() {
    let site = filled().await;
    let said =
        read_with(&site, &[("AWS_ACCESS_KEY_ID", "AKIDSTATIC"), ("AWS_SECRET_ACCESS_KEY", "canary")]).await;
    assert!(said.ends_with("read t"), "{said}");
    assert!(site.front.seen("GetSecretValue")[0].authorization.contains("AKIDSTATIC"));
}

#[tokio::test]
async fn nothing_else_of_the_environment_counts() {
    let site = filled().await;
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
    let said = read_with(&site, &environment).await;
    assert!(said.ends_with("read t"), "{said}");
    assert!(site.front.seen("GetSecretValue")[0].authorization.contains("/eu-central-1/"));
}

#[tokio::test]
async fn the_chain_takes_a_profile_of_the_users_files() {
    let site = filled().await;
    std::fs::create_dir(site.dir.path().join(".aws")).unwrap();
    std::fs::copy(site.dir.path().join("credentials"), site.dir.path().join(".aws/credentials")).unwrap();
    let said = read_with(&site, &[]).await;
    assert!(said.ends_with("read t"), "{said}");
}

#[tokio::test]
async fn the_chain_takes_a_web_identity() {
    let site = filled().await;
    let file = site.dir.path().join("token");
    std::fs::write(&file, "canary.of.identity").unwrap();
    let environment = [
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap()),
        ("AWS_ENDPOINT_URL_STS", &site.address),
    ];
    let said = read_with(&site, &environment).await;
    assert!(said.ends_with("read t"), "{said}");
    assert_eq!(site.front.count("AssumeRoleWithWebIdentity"), 1);
    assert!(site.front.seen("GetSecretValue")[0].authorization.contains("Credential=ASIA"));
}

#[tokio::test]
async fn the_chain_takes_the_containers_credentials() {
    let site = filled().await;
    let body = json!({
        "AccessKeyId": "ASIACONTAINER", "SecretAccessKey": "canary", "Token": "canary", "Expiration": "2099-01-01T00:00:00Z",
    });
    let headers = vec![("content-type", "application/json".to_owned())];
    site.front.set("/container", Fault::Answer(200, headers, body.to_string()));
    let address = format!("{}/container", site.address);
    let said = read_with(&site, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &address)]).await;
    assert!(said.ends_with("read t"), "{said}");
    assert!(site.front.seen("GetSecretValue")[0].authorization.contains("ASIACONTAINER"));
}

#[tokio::test]
async fn the_chain_takes_the_instances_credentials() {
    let site = filled().await;
    let plain = |body: &str| {
        let ttl = ("x-aws-ec2-metadata-token-ttl-seconds", "21600".to_owned());
        Fault::Answer(200, vec![("content-type", "text/plain".to_owned()), ttl], body.to_owned())
    };
    let body = json!({
        "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z",
        "AccessKeyId": "ASIAINSTANCE", "SecretAccessKey": "canary", "Token": "canary", "Expiration": "2099-01-01T00:00:00Z",
    });
    site.front.set("/latest/api/token", plain("session"));
    site.front.set("/latest/meta-data/iam/security-credentials/", plain("role"));
    site.front.set("/latest/meta-data/iam/security-credentials/role", plain(&body.to_string()));
    let environment = [
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", site.address.as_str()),
    ];
    let said = read_with(&site, &environment).await;
    assert!(said.ends_with("read t"), "{said}");
    assert!(site.front.seen("GetSecretValue")[0].authorization.contains("ASIAINSTANCE"));
}

#[tokio::test]
async fn a_chain_that_finds_nothing_says_so() {
    let site = filled().await;
    let said = read_with(&site, &[]).await;
    assert!(said.ends_with("refused misconfigured"), "{said}");
    assert_eq!(site.front.count("*"), 0);
}
