//! Logins, faults and secrecy, on a stand-in for Azure.

use std::time::Duration;

use crate::standin::{Azure, CLIENT, TENANT, failure_body};
use cofferdam_config::{Diagnostics, Severity};
use cofferdam_vault::testkit::{BackendUnderTest as _, Log, expect_error, field, path};
use cofferdam_vault::{ErrorKind, ReadRequest, Scope, Secret, Stage, Vault, VaultError};

/// A certificate that expires after a hundred days, with a key on an elliptic curve after it.
const CERTIFICATE: &str = include_str!("../../../contract/tests/fixtures/long.pem");

/// An RSA key.
const KEY: &str = include_str!("../../../contract/tests/fixtures/rsa.pem");

async fn read(vault: &dyn Vault) -> Result<Secret, VaultError> {
    vault.read(&path("github/work"), &[field("token")], Stage::Current).await
}

async fn start() -> Azure {
    let server = Azure::start().await;
    server.cloud().put("cofferdam--github--work", r#"{"token": "canary-value"}"#, None);
    let certificate = CERTIFICATE.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap();
    server.write_file("app.pem", &format!("{certificate}{KEY}"));
    server.write_file("secret", "canary+secret ~\n");
    server.write_file("token", "canary-federated\n");
    server
}

/// Settings of a login as an application.
fn application(key: &str) -> String {
    format!("tenant_id = '{TENANT}'\nclient_id = '{CLIENT}'\nprefix = 'cofferdam'\n{key}")
}

#[tokio::test]
async fn each_login_leads_to_a_token_that_many_reads_share() {
    let server = start().await;
    let entra = format!("/{TENANT}/oauth2/v2.0/token");
    let metadata = "/metadata/identity/oauth2/token";
    for (login, server_path, client) in [
        ("prefix = 'cofferdam'\nmanaged_identity = true".to_owned(), metadata, None),
        (
            format!("prefix = 'cofferdam'\nmanaged_identity = true\nclient_id = '{CLIENT}'"),
            metadata,
            Some(CLIENT),
        ),
        (application("client_secret_file = 'secret'"), entra.as_str(), Some(CLIENT)),
        (application("token_file = 'token'"), entra.as_str(), Some(CLIENT)),
        (application("certificate_file = 'app.pem'"), entra.as_str(), Some(CLIENT)),
    ] {
        server.cloud().logins.clear();
        let vault = server.open_login(&login);
        let request = ReadRequest { path: path("github/work"), fields: vec![field("token")] };
        let requests = vec![request; 20];
        let reads = tokio::join!(vault.read_many(&requests), vault.read_many(&requests), vault.probe());
        assert!(reads.0.iter().chain(&reads.1).all(Result::is_ok), "{login}: {reads:?}");
        assert_eq!(reads.2, Ok(()));
        let logins = std::mem::take(&mut server.cloud().logins);
        let [(asked, given)] = logins.as_slice() else { panic!("{login}: {} logins", logins.len()) };
        assert_eq!((asked.as_str(), given.get("client_id").map(String::as_str)), (server_path, client));
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
        (401, r#"{"error": "invalid_client", "error_description": "canary"}"#, ErrorKind::Unauthenticated),
        (400, r#"{"error": "unauthorized_client"}"#, ErrorKind::Unauthenticated),
        (400, "canary", ErrorKind::Malformed),
        (200, r#"{"access_token": "canary"}"#, ErrorKind::Malformed),
        (429, "", ErrorKind::Throttled),
        (500, "", ErrorKind::Unavailable),
    ] {
        server.cloud().login_instead = Some((status, body.to_owned()));
        let error = expect_error(read(&*server.open()).await, kind, Scope::Vault);
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
    server.cloud().login_instead = None;
    server.write_file("secret", "canary-wrong");
    let vault = server.open_login(&application("client_secret_file = 'secret'"));
    let error = expect_error(read(&*vault).await, ErrorKind::Unauthenticated, Scope::Vault);
    assert!(error.message().contains("invalid_client"), "{error}");
    server.write_file("secret", "canary+secret ~");
    assert!(read(&*vault).await.is_ok(), "the file is read again at each login");
}

#[tokio::test]
async fn credentials_that_cannot_be_used_are_misconfigured_and_not_quoted() {
    let server = start().await;
    let vault = server.open_login(&application("certificate_file = 'cert.pem'"));
    for (content, what) in [
        (None, "does not exist"),
        (Some(KEY.to_owned()), "no certificate"),
        (Some("canary".to_owned()), "no certificate"),
        (Some(CERTIFICATE.to_owned()), "not an RSA private key"),
    ] {
        if let Some(content) = content {
            server.write_file("cert.pem", &content);
        }
        let error = expect_error(read(&*vault).await, ErrorKind::Misconfigured, Scope::Vault);
        assert!(error.message().contains(what) && !error.message().contains("canary"), "{error}");
    }
    assert_eq!(server.cloud().logins.len(), 0);
    let vault = server.open_login(&application("certificate_file = 'app.pem'"));
    let mut found = Diagnostics::new();
    vault.diagnose(&[], &[], &mut found).await;
    let said = |text: &str| found.iter().any(|found| found.message.contains(text));
    assert!(said("the client certificate") && said("not verified"), "{found:?}");
    assert!(found.iter().any(|found| found.severity == Severity::Error), "the key can be read by every user");
}

#[tokio::test]
async fn each_status_has_its_kind_and_scope_and_no_body_is_quoted() {
    let server = start().await;
    let vault = server.open();
    read(&*vault).await.unwrap();
    let (secret, whole) = (Scope::Secret, Scope::Vault);
    let html = "<html>canary</html>";
    for (status, body, kind, scope) in [
        (401, failure_body("Unauthorized", ""), ErrorKind::Unauthenticated, whole),
        (403, failure_body("Forbidden", "ForbiddenByRbac"), ErrorKind::Denied, secret),
        (403, failure_body("Forbidden", "AccessDenied"), ErrorKind::Denied, secret),
        (403, failure_body("Forbidden", "ForbiddenByFirewall"), ErrorKind::Misconfigured, whole),
        (403, failure_body("Forbidden", "SecretDisabled"), ErrorKind::NotFound, secret),
        (403, html.to_owned(), ErrorKind::Malformed, whole),
        (404, failure_body("SecretNotFound", ""), ErrorKind::NotFound, secret),
        (404, failure_body("canary", ""), ErrorKind::Malformed, whole),
        (404, html.to_owned(), ErrorKind::Malformed, whole),
        (400, failure_body("BadParameter", ""), ErrorKind::Unsupported, secret),
        (409, failure_body("Conflict", ""), ErrorKind::Conflict, secret),
        (409, failure_body("Conflict", "ObjectIsBeingDeleted"), ErrorKind::Unavailable, secret),
        (412, failure_body("canary", ""), ErrorKind::Malformed, whole),
        (429, failure_body("Throttled", ""), ErrorKind::Throttled, whole),
        (500, failure_body("InternalServerError", ""), ErrorKind::Unavailable, whole),
        (302, String::new(), ErrorKind::Misconfigured, whole),
        (200, "canary".to_owned(), ErrorKind::Malformed, whole),
        (200, r#"{"value": "canary", "id": "https://v/secrets/a"}"#.to_owned(), ErrorKind::Malformed, whole),
        (200, "x".repeat(3 * 1024 * 1024), ErrorKind::Malformed, whole),
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

/// The link to the next page names another host, to which the token must not be sent.
#[tokio::test]
async fn a_link_to_the_next_page_is_followed_at_the_vault_only() {
    let server = start().await;
    let vault = server.open();
    let page = r#"{"value": [], "nextLink": "https://elsewhere.example/secrets?api-version=7.4&$skiptoken=!7!&maxresults=25"}"#;
    server.cloud().instead = Some((200, page.to_owned()));
    let next = vault.list(None, None).await.unwrap().next.unwrap();
    assert!(!next.0.contains("elsewhere"), "{next:?}");
    server.cloud().instead = None;
    assert_eq!(vault.list(None, Some(&next)).await.unwrap().next, None);
    assert_eq!(server.cloud().seen.last().unwrap(), "GET /secrets");
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
    let mut shown = String::new();
    for key in ["client_secret_file = 'secret'", "token_file = 'token'", "certificate_file = 'app.pem'"] {
        let vault = server.open_login(&application(key));
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
