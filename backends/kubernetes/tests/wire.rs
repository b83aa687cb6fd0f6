//! What the backend sends, and how it treats a server that throttles, lies, floods or is no API server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // in a test a panic is the report

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use cofferdam_vault::ErrorKind::{
    Malformed, Misconfigured, NotFound, Throttled, Unauthenticated, Unavailable,
};
use cofferdam_vault::testkit::{expect_error, field, open, path};
use cofferdam_vault::{Change, Scope, Secret, Stage, Vault, VaultError};
use cofferdam_vault_kubernetes::Config;
use futures_util::StreamExt as _;

const READ: &str = "GET /api/v1/namespaces/mcp/secrets/github.work";
const LIST: &str = "GET /api/v1/namespaces/mcp/secrets?limit";
const WATCH: &str = "GET /api/v1/namespaces/mcp/secrets?watch";
const OBJECT: &str =
    r#"{"kind":"Secret","metadata":{"uid":"u","resourceVersion":"7"},"data":{"token":"Y2FuYXJ5"}}"#;

/// How requests begin, and what they get.
type Script = Vec<(&'static str, VecDeque<Scripted>)>;

/// A server with scripted responses that records its requests.
#[derive(Clone, Default)]
struct ScriptedServer {
    address: String,
    /// What the requests that begin so get, in turn; the last one stays.
    responses: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Vec<(String, HeaderMap)>>>,
}

#[derive(Clone)]
struct Scripted {
    status: u16,
    body: String,
    /// Whether the response does not end.
    open: bool,
}

impl ScriptedServer {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { address, ..Self::default() };
        let replies = server.clone();
        let router = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap| async move {
            replies.reply(&method, &uri, headers)
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    fn respond(&self, to: &'static str, status: u16, body: impl Into<String>) {
        self.script(to, [Scripted { status, body: body.into(), open: false }]);
    }

    fn script<const N: usize>(&self, to: &'static str, responses: [Scripted; N]) {
        let mut all = self.responses.lock().unwrap();
        all.retain(|(begin, _)| *begin != to);
        all.push((to, responses.into()));
    }

    fn reply(&self, method: &Method, uri: &Uri, headers: HeaderMap) -> Response {
        let asked = format!("{method} {uri}");
        self.seen.lock().unwrap().push((asked.clone(), headers));
        let mut all = self.responses.lock().unwrap();
        let Some((_, scripted)) = all.iter_mut().find(|(begin, _)| asked.starts_with(begin)) else {
            panic!("nothing is scripted for {asked}");
        };
        let next = if scripted.len() > 1 { scripted.pop_front() } else { scripted.front().cloned() };
        let Scripted { status, body, open } = next.unwrap();
        let body = match open {
            false => Body::from(body),
            true => {
                let start = futures_util::stream::once(async move { Ok::<_, std::io::Error>(body) });
                Body::from_stream(start.chain(futures_util::stream::pending()))
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response.headers_mut().insert("retry-after", "7".parse().unwrap());
        response
    }

    /// A vault on this server, with the token `canary-token`.
    fn open(&self) -> (Arc<dyn Vault>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "current-context: main\ncontexts: [{{name: main, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: '{}'}}}}]\nusers: [{{name: u, user: {{token: canary-token}}}}]",
            self.address
        );
        std::fs::write(folder.path().join("config"), config).unwrap();
        (open::<Config>("namespace = 'mcp'\nkubeconfig = 'config'", folder.path()), folder)
    }

    fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(asked, _)| asked.clone()).collect()
    }
}

/// A response that stays open after `events`.
fn open_events(events: &str) -> Scripted {
    Scripted { status: 200, body: events.to_owned(), open: true }
}

fn event(kind: &str, name: &str, version: &str) -> String {
    let object = format!(
        r#"{{"kind":"PartialObjectMetadata","metadata":{{"name":"{name}","resourceVersion":"{version}"}}}}"#
    );
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

fn status(code: u16, reason: &str) -> String {
    format!(r#"{{"kind":"Status","metadata":{{}},"message":"canary","reason":"{reason}","code":{code}}}"#)
}

fn list(version: &str) -> String {
    format!(
        r#"{{"kind":"PartialObjectMetadataList","metadata":{{"resourceVersion":"{version}"}},"items":[]}}"#
    )
}

fn gone() -> String {
    format!("{{\"type\":\"ERROR\",\"object\":{}}}\n", status(410, "Expired"))
}

async fn read(vault: &dyn Vault) -> Result<Secret, VaultError> {
    vault.read(&path("github/work"), &[field("token")], Stage::Current).await
}

/// The first items of a watch.
async fn items(vault: &dyn Vault, count: usize) -> Vec<Result<Change, VaultError>> {
    let items = vault.watch().take(count).collect();
    tokio::time::timeout(Duration::from_secs(20), items).await.expect("the watch reports something")
}

fn changed(at: &str) -> Result<Change, VaultError> {
    Ok(Change::Secret(path(at)))
}

#[tokio::test]
async fn a_read_is_one_request_with_the_login() {
    let server = ScriptedServer::start().await;
    server.respond(READ, 200, OBJECT);
    let (vault, _folder) = server.open();
    assert_eq!(read(&*vault).await.unwrap().expose(&field("token")), Some("canary"));
    assert_eq!(server.requests(), [READ]);
    let (_, headers) = server.seen.lock().unwrap()[0].clone();
    assert_eq!(headers["authorization"], "Bearer canary-token");
}

#[tokio::test]
async fn statuses_decide_what_a_failure_is() {
    let server = ScriptedServer::start().await;
    let (vault, _folder) = server.open();
    for (code, body, kind, scope) in [
        (401, status(401, "Unauthorized"), Unauthenticated, Scope::Vault),
        (404, status(404, "NotFound"), NotFound, Scope::Secret),
        (404, "404 page not found".to_owned(), Malformed, Scope::Vault),
        (429, status(429, "TooManyRequests"), Throttled, Scope::Vault),
        (500, status(500, "InternalError"), Unavailable, Scope::Vault),
        (302, String::new(), Misconfigured, Scope::Vault),
        (200, "canary".to_owned(), Malformed, Scope::Vault),
        (200, "{}".to_owned(), Malformed, Scope::Vault),
    ] {
        server.respond(READ, code, body);
        let error = expect_error(read(&*vault).await, kind, scope);
        assert!(!error.message().contains("canary"), "{error}");
        let pause = (kind == Throttled).then_some(Duration::from_secs(7));
        assert_eq!(error.retry_after(), pause);
    }
}

#[tokio::test]
async fn a_kubeconfig_is_read_again_after_a_rejected_login() {
    let server = ScriptedServer::start().await;
    let (vault, folder) = server.open();
    server.respond(READ, 401, status(401, "Unauthorized"));
    expect_error(read(&*vault).await, Unauthenticated, Scope::Vault);
    let config = folder.path().join("config");
    let text = std::fs::read_to_string(&config).unwrap().replace("canary-token", "another");
    std::fs::write(&config, text).unwrap();
    server.respond(READ, 200, OBJECT);
    read(&*vault).await.unwrap();
    let (_, headers) = server.seen.lock().unwrap().last().unwrap().clone();
    assert_eq!(headers["authorization"], "Bearer another");
}

#[tokio::test]
async fn a_server_that_is_not_ready_is_down_and_one_that_shows_it_to_few_is_up() {
    let server = ScriptedServer::start().await;
    let (vault, _folder) = server.open();
    for (code, body, kind) in [
        (200, "ok".to_owned(), None),
        (403, status(403, "Forbidden"), None),
        (200, "<html>".to_owned(), Some(Malformed)),
        (500, "[-]etcd failed".to_owned(), Some(Unavailable)),
        (401, status(401, "Unauthorized"), Some(Unauthenticated)),
    ] {
        server.respond("GET /readyz", code, body);
        assert_eq!(vault.probe().await.err().map(|error| error.kind()), kind);
    }
}

#[tokio::test]
async fn a_listing_with_values_is_refused() {
    let server = ScriptedServer::start().await;
    let (vault, _folder) = server.open();
    server.respond(
        LIST,
        200,
        format!(r#"{{"kind":"SecretList","metadata":{{"resourceVersion":"1"}},"items":[{OBJECT}]}}"#),
    );
    expect_error(vault.list(None, None).await, Malformed, Scope::Vault);
}

#[tokio::test]
async fn a_listing_that_expires_goes_on_or_says_so() {
    let server = ScriptedServer::start().await;
    let (vault, _folder) = server.open();
    let expired = |metadata: &str| {
        let body = status(410, "Expired").replace("\"metadata\":{}", &format!("\"metadata\":{metadata}"));
        Scripted { status: 410, body, open: false }
    };
    let rest = Scripted { status: 200, body: list("9"), open: false };
    server.script(LIST, [expired(r#"{"continue":"newer"}"#), rest]);
    assert_eq!(vault.list(None, None).await.unwrap().paths, []);
    assert!(server.requests().last().unwrap().ends_with("continue=newer"));
    server.script(LIST, [expired("{}")]);
    expect_error(vault.list(None, None).await, Unavailable, Scope::Secret);
}

#[tokio::test]
async fn a_watch_goes_on_from_the_last_version() {
    let server = ScriptedServer::start().await;
    let (vault, _folder) = server.open();
    server.respond(LIST, 200, list("5"));
    let events = [
        event("ADDED", "github.work", "6"),
        event("MODIFIED", "not--ours", "7"),
        event("DELETED", "notes.team--u1", "8"),
        event("BOOKMARK", "", "9"),
    ];
    server.script(WATCH, [open_events(&events.concat())]);
    let expected = [
        Ok(Change::None),
        changed("github/work"),
        Ok(Change::None),
        changed("notes/team_1"),
        Ok(Change::None),
    ];
    assert_eq!(items(&*vault, 5).await, expected);
    assert!(server.requests().last().unwrap().ends_with("resourceVersion=5"));
    assert_eq!(items(&*vault, 1).await, [Ok(Change::None)]);
    assert!(server.requests().last().unwrap().ends_with("resourceVersion=9"), "{:?}", server.requests());
}

#[tokio::test]
async fn a_version_that_is_gone_reports_that_anything_may_have_changed() {
    let server = ScriptedServer::start().await;
    let (vault, _folder) = server.open();
    server.respond(LIST, 200, list("5"));
    // As an event, and as the status of a request.
    let refused = Scripted { status: 410, body: status(410, "Gone"), open: false };
    let bookmarked = [event("BOOKMARK", "", "6"), gone()].concat();
    let alive = event("ADDED", "github.work", "6");
    server.script(WATCH, [open_events(&bookmarked), open_events(&alive), refused, open_events(&alive)]);
    let expected = [Ok(Change::None), Ok(Change::None), Ok(Change::Any), changed("github/work")];
    assert_eq!(items(&*vault, 4).await, expected);
    assert_eq!(items(&*vault, 2).await, [Ok(Change::Any), changed("github/work")]);
}

#[tokio::test]
async fn a_server_that_has_no_version_at_all_is_not_asked_again_and_again() {
    let server = ScriptedServer::start().await;
    let (vault, _folder) = server.open();
    server.respond(LIST, 200, list("5"));
    server.script(WATCH, [open_events(&gone())]);
    let found = items(&*vault, 9).await;
    assert_eq!((found.len(), &found[0]), (2, &Ok(Change::None)));
    assert_eq!(found[1].as_ref().unwrap_err().kind(), Unavailable);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_watch_that_ends_early_or_lies_is_an_error() {
    let server = ScriptedServer::start().await;
    let (vault, _folder) = server.open();
    server.respond(LIST, 200, list("5"));
    let endless = "x".repeat(1024 * 1024 + 1);
    for (events, open, kind) in [
        (String::new(), false, Unavailable),
        ("canary\n".to_owned(), true, Malformed),
        (
            format!("{{\"type\":\"ADDED\",\"object\":{OBJECT}}}\n").replace("resourceVersion", "x"),
            true,
            Malformed,
        ),
        (format!("{{\"type\":\"ERROR\",\"object\":{}}}\n", status(500, "InternalError")), true, Unavailable),
        (format!("{{\"type\":\"ERROR\",\"object\":{}}}\n", status(429, "TooManyRequests")), true, Throttled),
        (endless, true, Malformed),
    ] {
        server.script(WATCH, [Scripted { status: 200, body: events, open }]);
        let found = items(&*vault, 9).await;
        assert_eq!(found.len(), 2, "{found:?}");
        let error = found[1].as_ref().unwrap_err();
        assert_eq!((error.kind(), error.scope()), (kind, Scope::Vault), "{error}");
        assert!(!error.message().contains("canary"), "{error}");
    }
}
