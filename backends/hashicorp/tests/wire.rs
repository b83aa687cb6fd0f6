//! What the backend sends, and how it treats responses of a server that is not a Vault: redirects, garbage, statuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // in a test a panic is the report

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use cofferdam_vault::ErrorKind::{Malformed, Misconfigured, Throttled, Unauthenticated, Unavailable};
use cofferdam_vault::testkit::{expect_error, field, open, path};
use cofferdam_vault::{Scope, Secret, Stage, Vault, VaultError};
use cofferdam_vault_hashicorp::Config;
use serde_json::json;

/// A server with scripted responses that records its requests.
#[derive(Clone)]
struct ScriptedServer {
    address: String,
    responses: Arc<Mutex<BTreeMap<String, Scripted>>>,
    seen: Arc<Mutex<Vec<(String, HeaderMap)>>>,
}

type Scripted = (u16, Vec<(&'static str, String)>, String);

impl ScriptedServer {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            responses: Arc::default(),
            seen: Arc::default(),
        };
        server.respond("GET /v1/auth/token/lookup-self", 200, [], json!({"data": {"ttl": 0}}).to_string());
        server.respond("GET /v1/sys/health", 200, [], "{}".to_owned());
        let router =
            Router::new().fallback({
                let server = server.clone();
                move |method: Method, uri: Uri, headers: HeaderMap| async move {
                    server.reply(&method, &uri, headers)
                }
            });
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    fn respond<const N: usize>(
        &self,
        to: &str,
        status: u16,
        headers: [(&'static str, String); N],
        body: String,
    ) {
        self.responses.lock().unwrap().insert(to.to_owned(), (status, headers.into(), body));
    }

    fn reply(&self, method: &Method, uri: &Uri, headers: HeaderMap) -> Response {
        let asked = format!("{method} {uri}");
        self.seen.lock().unwrap().push((asked.clone(), headers));
        match self.responses.lock().unwrap().get(&asked) {
            None => (StatusCode::NOT_FOUND, "{\"errors\":[]}").into_response(),
            Some((status, headers, body)) => {
                let mut response = (StatusCode::from_u16(*status).unwrap(), body.clone()).into_response();
                for (name, value) in headers {
                    response.headers_mut().insert(*name, value.parse().unwrap());
                }
                response
            }
        }
    }

    /// A vault on this server, with the token `hvs.canary`.
    fn open(&self, more: &str) -> (Arc<dyn Vault>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "hvs.canary").unwrap();
        let text = format!(
            "address = '{}'\n{more}\nauth = {{ method = 'token', token_file = 'token' }}",
            self.address
        );
        (open::<Config>(&text, folder.path()), folder)
    }

    /// The requests so far.
    fn requests(&self) -> Vec<(String, HeaderMap)> {
        self.seen.lock().unwrap().clone()
    }
}

const READ: &str = "GET /v1/secret/data/m/a";

fn secret() -> String {
    let metadata = json!({"version": 1, "created_time": "2026-11-21T00:00:00Z"});
    json!({"data": {"data": {"token": "canary-secret"}, "metadata": metadata}}).to_string()
}

#[tokio::test]
async fn the_token_follows_no_redirect_but_to_a_listed_address() {
    let (standby, active) = (ScriptedServer::start().await, ScriptedServer::start().await);
    active.respond(READ, 200, [], secret());
    let location = || [("location", format!("{}/v1/secret/data/m/a", active.address))];
    for status in [301, 302, 303, 307, 308] {
        standby.respond(READ, status, location(), String::new());
        let (vault, _folder) = standby.open("");
        expect_error(read(&*vault, "m/a").await, Misconfigured, Scope::Vault);
        let (vault, _folder) = standby.open("redirects = ['http://127.0.0.1:1']");
        expect_error(read(&*vault, "m/a").await, Misconfigured, Scope::Vault);
    }
    assert_eq!(active.requests().len(), 0, "nothing was sent there");

    standby.respond(READ, 307, location(), String::new());
    let (vault, _folder) = standby.open(&format!("redirects = ['{}']", active.address));
    assert_eq!(token_of(&*vault, "m/a").await, "canary-secret");
    let arrived = active.requests();
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].1["x-vault-token"], "hvs.canary");
}

#[tokio::test]
async fn each_status_has_its_kind_and_scope() {
    let server = ScriptedServer::start().await;
    let pause = || [(header::RETRY_AFTER.as_str(), "7".to_owned())];
    let (vault, _folder) = server.open("");
    for (status, kind) in [
        (429, Throttled),
        (412, Unavailable),
        (500, Unavailable),
        (502, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
        (473, Unavailable),
    ] {
        server.respond(READ, status, pause(), "{\"errors\":[\"canary\"]}".to_owned());
        let error = read(&*vault, "m/a").await.unwrap_err();
        assert_eq!((error.kind(), error.scope()), (kind, Scope::Vault), "{status}");
        assert!(!error.message().contains("canary"), "the server's text is not passed on");
        assert_eq!(error.retry_after().is_some(), kind == Throttled);
        if kind == Throttled {
            assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        }
    }
    for (status, kind) in [
        (200, None),
        (429, None),
        (473, None),
        (472, Some(Unavailable)),
        (474, Some(Unavailable)),
        (501, Some(Misconfigured)),
        (503, Some(Unavailable)),
        (530, Some(Unavailable)),
        (418, Some(Malformed)),
    ] {
        server.respond("GET /v1/sys/health", status, [], String::new());
        let answer = vault.probe().await.map_err(|error| (error.kind(), error.scope()));
        assert_eq!(answer, kind.map_or(Ok(()), |kind| Err((kind, Scope::Vault))), "{status}");
    }
}

#[tokio::test]
async fn garbage_is_the_vaults_and_is_not_quoted() {
    let server = ScriptedServer::start().await;
    let (vault, _folder) = server.open("");
    let secret_is_text = json!({"data": {"data": "canary", "metadata": {"version": 1, "created_time": ""}}});
    for (status, body, kind, scope) in [
        (200, "<html>canary</html>".to_owned(), Malformed, Scope::Vault),
        (200, String::new(), Malformed, Scope::Vault),
        (404, "<html>canary</html>".to_owned(), Malformed, Scope::Vault),
        (200, secret_is_text.to_string(), Malformed, Scope::Secret),
        (200, "x".repeat(17 * 1024 * 1024), Malformed, Scope::Vault),
    ] {
        server.respond(READ, status, [], body);
        let error = read(&*vault, "m/a").await.unwrap_err();
        assert_eq!((error.kind(), error.scope()), (kind, scope), "{error:?}");
        assert!(!format!("{error:?}").contains("canary"));
    }
    let (status, body) = (200, json!({"auth": "canary"}).to_string());
    server.respond("GET /v1/auth/token/lookup-self", status, [], body);
    let (vault, _folder) = server.open("");
    expect_error(read(&*vault, "m/a").await, Malformed, Scope::Vault);
}

#[tokio::test]
async fn a_long_listing_is_read_and_a_longer_one_is_not() {
    let server = ScriptedServer::start().await;
    let (vault, _folder) = server.open("kv = 1");
    let listing = |count: usize| {
        let keys: Vec<String> = (0..count).map(|n| format!("{n:0>64}")).collect();
        server.respond("GET /v1/secret/?list=true", 200, [], json!({"data": {"keys": keys}}).to_string());
    };
    listing(100_000);
    assert_eq!(vault.list(None, None).await.unwrap().paths.len(), 100);
    listing(300_000);
    expect_error(vault.list(None, None).await, Malformed, Scope::Vault);
}

#[tokio::test]
async fn a_token_that_may_not_look_itself_up_is_used_if_it_sees_an_engine() {
    let server = ScriptedServer::start().await;
    let denied = || json!({"errors": ["permission denied"]}).to_string();
    server.respond("GET /v1/auth/token/lookup-self", 403, [], denied());
    server.respond(READ, 200, [], secret());
    server.respond("GET /v1/database/creds/ro", 200, [], json!({"data": {"token": "canary"}}).to_string());
    for engine in ["secret", "database/creds/ro"] {
        for mount in ["secret", "database/creds/ro"] {
            let (status, body) =
                if mount == engine { (200, "{\"data\":{}}".to_owned()) } else { (403, denied()) };
            server.respond(&format!("GET /v1/sys/internal/ui/mounts/{mount}"), status, [], body);
        }
        let (vault, _folder) = server.open("paths = { 'db/ro' = 'database/creds/ro' }");
        vault.probe().await.unwrap();
        assert_eq!(token_of(&*vault, "m/a").await, "canary-secret");
        assert_eq!(token_of(&*vault, "db/ro").await, "canary");
    }
    server.respond("GET /v1/sys/internal/ui/mounts/database/creds/ro", 403, [], denied());
    let (vault, _folder) = server.open("paths = { 'db/ro' = 'database/creds/ro' }");
    expect_error(read(&*vault, "m/a").await, Unauthenticated, Scope::Vault);
    server.respond("GET /v1/sys/internal/ui/mounts/secret", 503, [], String::new());
    expect_error(vault.probe().await, Unavailable, Scope::Vault);
}

#[tokio::test]
async fn one_unreadable_field_leaves_the_others_usable() {
    let server = ScriptedServer::start().await;
    let body = |fields: &str| {
        format!("{{\"data\":{{\"data\":{fields},\"metadata\":{{\"version\":1,\"created_time\":\"\"}}}}}}")
    };
    let (vault, _folder) = server.open("");
    for other in [r#""note": "\ud83d""#, r#""\ud83d": 1"#, r#""note": null"#, r#""no name": {}"#] {
        server.respond(READ, 200, [], body(&format!("{{{other}, \"token\": \"canary\"}}")));
        assert_eq!(token_of(&*vault, "m/a").await, "canary", "{other}");
    }
    server.respond(READ, 200, [], body(r#"{"token": "canary\ud83d"}"#));
    let error = read(&*vault, "m/a").await.unwrap_err();
    assert_eq!((error.kind(), error.scope()), (Malformed, Scope::Secret));
    assert!(error.message().contains("token") && !error.message().contains("canary"), "{error}");
}

#[tokio::test]
async fn headers_say_what_they_must() {
    let server = ScriptedServer::start().await;
    server.respond(READ, 200, [], secret());
    let address = server.address.replace("http://", "http://ada@");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "hvs.canary").unwrap();
    let text = format!(
        "address = '{address}'\nnamespace = 'team/a'\ninsecure_http = true\n\
         auth = {{ method = 'token', token_file = 'token' }}"
    );
    let vault = open::<Config>(&text, folder.path());
    assert!(!vault.info().location.contains("ada"), "{:?}", vault.info());
    vault.probe().await.unwrap();
    token_of(&*vault, "m/a").await;
    for (asked, headers) in server.requests() {
        let health = asked.ends_with("/sys/health");
        assert_eq!(headers["x-vault-request"], "true");
        assert_eq!(headers["authorization"], "Basic YWRhOg==");
        assert_eq!(headers.get("x-vault-namespace").is_some(), !health, "{asked}");
        assert_eq!(headers.get("x-vault-token").is_some(), !health, "{asked}");
        assert!(!headers.contains_key("accept-encoding"), "secrets are not compressed");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_differs_from_one_without_tls() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = ScriptedServer::start().await;
    let plain = server.address.replace("http://", "https://");
    for (address, kind) in [
        (format!("http://127.0.0.1:{gone}"), Unavailable),
        (format!("https://127.0.0.1:{gone}"), Unavailable),
        (plain, Misconfigured),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "hvs.canary").unwrap();
        let text = format!("address = '{address}'\nauth = {{ method = 'token', token_file = 'token' }}");
        let vault = open::<Config>(&text, folder.path());
        expect_error(read(&*vault, "m/a").await, kind, Scope::Vault);
        expect_error(vault.probe().await, kind, Scope::Vault);
    }
}

#[tokio::test]
async fn a_lease_that_no_caller_waited_for_is_revoked_and_no_other() {
    let server = ScriptedServer::start().await;
    let lease = |id: &str| {
        let (id, data) = (format!("database/creds/ro/{id}"), json!({"token": "canary"}));
        let body = json!({"lease_id": id, "lease_duration": 60, "renewable": true, "data": data});
        server.respond("GET /v1/database/creds/ro", 200, [], body.to_string());
    };
    lease("one");
    server.respond("POST /v1/sys/leases/revoke", 204, [], String::new());
    let (vault, _folder) = server.open("paths = { 'db/ro' = 'database/creds/ro' }");
    let seen = |what: &str| server.requests().iter().filter(|(asked, _)| asked.starts_with(what)).count();

    assert_eq!(token_of(&*vault, "db/ro").await, "canary");
    lease("two");
    tokio::select! { biased; _ = read(&*vault, "db/ro") => panic!("too soon"), () = tokio::task::yield_now() => {} }
    for _ in 0..500 {
        if seen("POST") > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((seen("GET /v1/database"), seen("POST /v1/sys/leases/revoke")), (2, 1));
    vault.close().await;
    assert_eq!(seen("POST /v1/sys/leases/revoke"), 2, "the one that was read ends with the vault");
    assert_eq!(seen("POST /v1/auth/token/revoke-self"), 0, "the token is not our own");
}

/// Reads the field `token`.
async fn read(vault: &dyn Vault, at: &str) -> Result<Secret, VaultError> {
    vault.read(&path(at), &[field("token")], Stage::Current).await
}

/// Reads the field `token`, which must exist.
async fn token_of(vault: &dyn Vault, at: &str) -> String {
    read(vault, at).await.unwrap().expose(&field("token")).unwrap().to_owned()
}
