//! What leaves this process, seen by servers that are no Vault: redirects, garbage, statuses, logs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // in a test a panic is the report

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use cofferdam_vault::ErrorKind::{Malformed, Misconfigured, Throttled, Unavailable};
use cofferdam_vault::{Scope, Vault};
use serde_json::json;
use support::{open, read, refused, token_of};

/// A server that answers what a test says, and remembers what it was sent.
#[derive(Clone)]
struct Stand {
    address: String,
    answers: Arc<Mutex<BTreeMap<String, Answer>>>,
    seen: Arc<Mutex<Vec<(String, HeaderMap)>>>,
}

type Answer = (u16, Vec<(&'static str, String)>, String);

impl Stand {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stand = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            answers: Arc::default(),
            seen: Arc::default(),
        };
        stand.answer("GET /v1/auth/token/lookup-self", 200, [], json!({"data": {"ttl": 0}}).to_string());
        stand.answer("GET /v1/sys/health", 200, [], "{}".to_owned());
        let router =
            Router::new().fallback({
                let stand = stand.clone();
                move |method: Method, uri: Uri, headers: HeaderMap| async move {
                    stand.reply(&method, &uri, headers)
                }
            });
        tokio::spawn(async move { axum::serve(listener, router).await });
        stand
    }

    fn answer<const N: usize>(
        &self,
        to: &str,
        status: u16,
        headers: [(&'static str, String); N],
        body: String,
    ) {
        self.answers.lock().unwrap().insert(to.to_owned(), (status, headers.into(), body));
    }

    fn reply(&self, method: &Method, uri: &Uri, headers: HeaderMap) -> Response {
        let asked = format!("{method} {uri}");
        self.seen.lock().unwrap().push((asked.clone(), headers));
        match self.answers.lock().unwrap().get(&asked) {
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
        (open(folder.path(), &text), folder)
    }

    /// The requests that carried our token, or any header of ours.
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
    let (standby, active) = (Stand::start().await, Stand::start().await);
    active.answer(READ, 200, [], secret());
    let place = || [("location", format!("{}/v1/secret/data/m/a", active.address))];
    for status in [301, 302, 303, 307, 308] {
        standby.answer(READ, status, place(), String::new());
        let (vault, _folder) = standby.open("");
        refused(read(&*vault, "m/a").await, Misconfigured, Scope::Vault);
        let (vault, _folder) = standby.open("redirects = ['http://127.0.0.1:1']");
        refused(read(&*vault, "m/a").await, Misconfigured, Scope::Vault);
    }
    assert_eq!(active.requests().len(), 0, "nothing was sent there");

    standby.answer(READ, 307, place(), String::new());
    let (vault, _folder) = standby.open(&format!("redirects = ['{}']", active.address));
    assert_eq!(token_of(&*vault, "m/a").await, "canary-secret");
    let arrived = active.requests();
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].1["x-vault-token"], "hvs.canary");
}

#[tokio::test]
async fn each_status_has_its_kind_and_scope() {
    let stand = Stand::start().await;
    let pause = || [(header::RETRY_AFTER.as_str(), "7".to_owned())];
    let (vault, _folder) = stand.open("");
    for (status, kind) in [
        (429, Throttled),
        (412, Unavailable),
        (500, Unavailable),
        (502, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
        (473, Unavailable),
    ] {
        stand.answer(READ, status, pause(), "{\"errors\":[\"canary\"]}".to_owned());
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
        stand.answer("GET /v1/sys/health", status, [], String::new());
        let answer = vault.probe().await.map_err(|error| (error.kind(), error.scope()));
        assert_eq!(answer, kind.map_or(Ok(()), |kind| Err((kind, Scope::Vault))), "{status}");
    }
}

#[tokio::test]
async fn garbage_is_the_vaults_and_is_not_quoted() {
    let stand = Stand::start().await;
    let (vault, _folder) = stand.open("");
    let secret_is_text = json!({"data": {"data": "canary", "metadata": {"version": 1, "created_time": ""}}});
    for (status, body, kind, scope) in [
        (200, "<html>canary</html>".to_owned(), Malformed, Scope::Vault),
        (200, String::new(), Malformed, Scope::Vault),
        (404, "<html>canary</html>".to_owned(), Malformed, Scope::Vault),
        (200, secret_is_text.to_string(), Malformed, Scope::Secret),
        (200, "x".repeat(17 * 1024 * 1024), Malformed, Scope::Vault),
    ] {
        stand.answer(READ, status, [], body);
        let error = read(&*vault, "m/a").await.unwrap_err();
        assert_eq!((error.kind(), error.scope()), (kind, scope), "{error:?}");
        assert!(!format!("{error:?}").contains("canary"));
    }
    let (status, body) = (200, json!({"auth": "canary"}).to_string());
    stand.answer("GET /v1/auth/token/lookup-self", status, [], body);
    let (vault, _folder) = stand.open("");
    refused(read(&*vault, "m/a").await, Malformed, Scope::Vault);
}

#[tokio::test]
async fn headers_say_what_they_must() {
    let stand = Stand::start().await;
    stand.answer(READ, 200, [], secret());
    let address = stand.address.replace("http://", "http://ada@");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "hvs.canary").unwrap();
    let text = format!(
        "address = '{address}'\nnamespace = 'team/a'\ninsecure_http = true\n\
         auth = {{ method = 'token', token_file = 'token' }}"
    );
    let vault = open(folder.path(), &text);
    assert!(!vault.info().location.contains("ada"), "{:?}", vault.info());
    vault.probe().await.unwrap();
    token_of(&*vault, "m/a").await;
    for (asked, headers) in stand.requests() {
        let health = asked.ends_with("/sys/health");
        assert_eq!(headers["x-vault-request"], "true");
        assert_eq!(headers["authorization"], "Basic YWRhOg==");
        assert_eq!(headers.get("x-vault-namespace").is_some(), !health, "{asked}");
        assert_eq!(headers.get("x-vault-token").is_some(), !health, "{asked}");
        assert!(!headers.contains_key("accept-encoding"), "secrets are not compressed");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_speaks_no_tls_is_told_apart() {
    let gone = cofferdam_servers::free().unwrap();
    let stand = Stand::start().await;
    let plain = stand.address.replace("http://", "https://");
    for (address, kind) in [
        (format!("http://127.0.0.1:{gone}"), Unavailable),
        (format!("https://127.0.0.1:{gone}"), Unavailable),
        (plain, Misconfigured),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "hvs.canary").unwrap();
        let text = format!("address = '{address}'\nauth = {{ method = 'token', token_file = 'token' }}");
        let vault = open(folder.path(), &text);
        refused(read(&*vault, "m/a").await, kind, Scope::Vault);
        refused(vault.probe().await, kind, Scope::Vault);
    }
}
