//! Logins, faults and secrecy, on a stand-in for Google Cloud.

use std::time::Duration;

use crate::standin::{ACCOUNT, Google, failure_body};
use cofferdam_config::Diagnostics;
use cofferdam_vault::testkit::{BackendUnderTest as _, Log, expect_error, field, path};
use cofferdam_vault::{ErrorKind, ReadRequest, Scope, Secret, Stage, Vault, VaultError};
use serde_json::json;

async fn read(vault: &dyn Vault) -> Result<Secret, VaultError> {
    vault.read(&path("github/work"), &[field("token")], Stage::Current).await
}

async fn start() -> Google {
    let server = Google::start().await;
    server.put("cofferdam__github__work", br#"{"token": "canary-value"}"#);
    server
}

/// Writes the configuration of a workload identity federation to `federation.json`.
fn write_federation(server: &Google, impersonate: bool, source: &serde_json::Value) {
    let mut file = json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": source,
    });
    if impersonate {
        let url =
            format!("https://elsewhere.example/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken");
        file["service_account_impersonation_url"] = json!(url);
    }
    server.write_file("federation.json", &file.to_string());
}

#[tokio::test]
async fn each_login_leads_to_a_token_that_many_reads_share() {
    let server = start().await;
    server.write_service_account_key();
    let user = json!({
        "type": "authorized_user", "client_id": "id", "client_secret": "canary-secret", "refresh_token": "canary-refresh",
    });
    server.write_file("user.json", &user.to_string());
    server.write_file("subject", "canary-subject\n");
    server.write_file("subject.json", r#"{"id_token": "canary-subject", "other": 1}"#);
    let (file, prefix) = (|name: &str| format!("credentials_file = '{name}'"), "prefix = 'cofferdam'");
    let plain = json!({"file": "subject"});
    let object =
        json!({"file": "subject.json", "format": {"type": "json", "subject_token_field_name": "id_token"}});
    let metadata = "/computeMetadata/v1/instance/service-accounts/default/token";
    let impersonation = format!("/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken");
    for (login, federation, expected) in [
        ("metadata = true".to_owned(), None, vec![metadata]),
        (file("key.json"), None, vec![]),
        (file("user.json"), None, vec!["/token"]),
        (file("federation.json"), Some((false, &plain)), vec!["/v1/token"]),
        (file("federation.json"), Some((false, &object)), vec!["/v1/token"]),
        (file("federation.json"), Some((true, &plain)), vec!["/v1/token", &impersonation]),
    ] {
        if let Some((impersonate, source)) = federation {
            write_federation(&server, impersonate, source);
        }
        server.cloud().logins.clear();
        let vault = server.open_login(&format!("{login}\n{prefix}"));
        let request = ReadRequest { path: path("github/work"), fields: vec![field("token")] };
        let requests = vec![request; 20];
        let reads = tokio::join!(vault.read_many(&requests), vault.read_many(&requests), vault.probe());
        assert!(reads.0.iter().chain(&reads.1).all(Result::is_ok), "{login}: {reads:?}");
        assert_eq!(reads.2, Ok(()));
        let asked: Vec<String> = server.cloud().logins.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(asked, expected, "{login}");
    }
}

#[tokio::test]
async fn a_revoked_token_is_replaced_by_the_next_attempt() {
    let server = start().await;
    let vault = server.open();
    read(&*vault).await.unwrap();
    server.cloud().tokens.clear();
    expect_error(read(&*vault).await, ErrorKind::Unauthenticated, Scope::Vault);
    assert_eq!(server.cloud().issued, 1, "one attempt");
    read(&*vault).await.unwrap();
    assert_eq!(server.cloud().issued, 2);
}

#[tokio::test]
async fn a_refused_login_is_reported_by_its_code() {
    let server = start().await;
    for (status, body, kind) in [
        (400, r#"{"error": "invalid_grant", "error_description": "canary"}"#, ErrorKind::Unauthenticated),
        (401, r#"{"error": "invalid_client"}"#, ErrorKind::Unauthenticated),
        (400, r#"{"error": "Canary code"}"#, ErrorKind::Malformed),
        (404, "canary", ErrorKind::Malformed),
        (200, "canary", ErrorKind::Malformed),
        (200, r#"{"access_token": "canary", "expires_in": "soon"}"#, ErrorKind::Malformed),
        (200, r#"{"access_token": "canary\n", "expires_in": 60}"#, ErrorKind::Malformed),
        (302, "", ErrorKind::Misconfigured),
        (429, "", ErrorKind::Throttled),
        (503, "", ErrorKind::Unavailable),
    ] {
        server.cloud().login_instead = Some((status, body.to_owned()));
        let error = expect_error(read(&*server.open()).await, kind, Scope::Vault);
        assert!(!format!("{error:?}").to_lowercase().contains("canary"), "{error:?}");
    }
    assert_eq!(server.cloud().seen.len(), 0, "nothing is asked without a token");
}

#[tokio::test]
async fn credentials_that_cannot_be_used_are_misconfigured_and_not_quoted() {
    let server = start().await;
    server.write_file("subject", "canary-subject\n");
    let vault = server.open_login("credentials_file = 'federation.json'\nprefix = 'cofferdam'");
    let refused = async |what: &str| {
        let error = expect_error(read(&*vault).await, ErrorKind::Misconfigured, Scope::Vault);
        assert!(!error.message().contains("canary"), "{error}");
        assert!(error.message().contains(what), "{error}");
    };
    refused("does not exist").await;
    for (content, what) in [
        ("canary", "as JSON"),
        (r#"{"type": "canary"}"#, "not supported"),
        (r#"{"type": "service_account", "private_key": "canary"}"#, "as JSON"),
        (
            r#"{"type": "service_account", "client_email": "a", "private_key_id": "k", "private_key": "canary"}"#,
            "not an RSA private key",
        ),
    ] {
        server.write_file("federation.json", content);
        refused(what).await;
    }
    write_federation(&server, false, &json!({"executable": {"command": "canary"}}));
    refused("not supported").await;
    write_federation(&server, false, &json!({"url": "http://canary.example"}));
    refused("not supported").await;
    write_federation(&server, false, &json!({"file": "absent"}));
    refused("the token file").await;
    assert_eq!(server.cloud().logins.len(), 0);
    write_federation(&server, true, &json!({"file": "subject"}));
    assert!(read(&*vault).await.is_ok(), "the file is read again at each login");
}

#[tokio::test]
async fn each_status_has_its_kind_and_scope_and_no_body_is_quoted() {
    let server = start().await;
    let vault = server.open();
    read(&*vault).await.unwrap();
    let (secret, vault_scope) = (Scope::Secret, Scope::Vault);
    let google = failure_body;
    for (status, body, kind, scope) in [
        (401, google(401, "UNAUTHENTICATED", ""), ErrorKind::Unauthenticated, vault_scope),
        (403, google(403, "PERMISSION_DENIED", "IAM_PERMISSION_DENIED"), ErrorKind::Denied, secret),
        (403, google(403, "PERMISSION_DENIED", ""), ErrorKind::Denied, secret),
        (403, google(403, "PERMISSION_DENIED", "SERVICE_DISABLED"), ErrorKind::Misconfigured, vault_scope),
        (403, google(403, "PERMISSION_DENIED", "CONSUMER_INVALID"), ErrorKind::Misconfigured, vault_scope),
        (403, "<html>canary</html>".to_owned(), ErrorKind::Malformed, vault_scope),
        (404, google(404, "NOT_FOUND", ""), ErrorKind::NotFound, secret),
        (404, "<html>canary</html>".to_owned(), ErrorKind::Malformed, vault_scope),
        (400, google(400, "FAILED_PRECONDITION", ""), ErrorKind::NotFound, secret),
        (400, google(400, "INVALID_ARGUMENT", ""), ErrorKind::Unsupported, secret),
        (409, google(409, "ABORTED", ""), ErrorKind::Conflict, secret),
        (412, google(412, "canary", ""), ErrorKind::Malformed, vault_scope),
        (429, google(429, "RESOURCE_EXHAUSTED", ""), ErrorKind::Throttled, vault_scope),
        (500, google(500, "INTERNAL", ""), ErrorKind::Unavailable, vault_scope),
        (302, String::new(), ErrorKind::Misconfigured, vault_scope),
        (200, "canary".to_owned(), ErrorKind::Malformed, vault_scope),
        (
            200,
            r#"{"name": "canary", "payload": {"data": "!canary"}}"#.to_owned(),
            ErrorKind::Malformed,
            vault_scope,
        ),
        (200, "x".repeat(3 * 1024 * 1024), ErrorKind::Malformed, vault_scope),
    ] {
        server.cloud().seen.clear();
        server.cloud().instead = Some((status, body.clone()));
        let error = expect_error(read(&*vault).await, kind, scope);
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        assert_eq!(error.retry_after(), (status == 429).then_some(Duration::from_secs(7)), "{status}");
        assert_eq!(server.cloud().seen.len(), 1, "{status}: one attempt");
        server.cloud().instead = None;
        if status == 401 {
            read(&*vault).await.unwrap();
        }
    }
    assert_eq!(vault.probe().await, Ok(()));
}

#[tokio::test]
async fn a_damaged_payload_is_not_returned() {
    let server = start().await;
    server.cloud().damage = true;
    expect_error(read(&*server.open()).await, ErrorKind::Unavailable, Scope::Vault);
}

#[tokio::test]
async fn a_dropped_request_leaves_the_vault_usable() {
    let server = start().await;
    let vault = server.open();
    server.cloud().hang = true;
    tokio::select! {
        ended = read(&*vault) => panic!("{ended:?}"),
        () = server.hung.notified() => {}
    }
    server.cloud().hang = false;
    read(&*vault).await.unwrap();
}

#[tokio::test]
async fn neither_log_nor_debug_holds_a_credential_or_a_secret() {
    let (log, _guard) = Log::of_this_thread();
    let server = start().await;
    server.write_service_account_key();
    server.write_file("subject", "canary-subject\n");
    write_federation(&server, true, &json!({"file": "subject"}));
    let mut shown = String::new();
    for login in ["metadata = true", "credentials_file = 'key.json'", "credentials_file = 'federation.json'"]
    {
        let vault = server.open_login(&format!("{login}\nprefix = 'cofferdam'"));
        shown += &format!("{:?} {vault:#?} {:?}", vault.probe().await, read(&*vault).await.unwrap());
        let mut found = Diagnostics::new();
        vault.diagnose(&[path("github/work")], &[], &mut found).await;
        server.cloud().tokens.clear();
        shown += &format!("{found:?} {:?}", vault.probe().await);
        vault.close().await;
    }
    let logged = log.contents();
    assert!(logged.contains("TRACE") && logged.contains("hyper"), "it contains the logs of the client");
    for secret in ["canary", "BEGIN PRIVATE", "eyJ"] {
        assert!(!logged.contains(secret), "{secret} is in the log");
        assert!(!shown.contains(secret), "{secret} is in Debug");
    }
}
