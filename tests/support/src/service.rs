//! A REST service on loopback that checks its tokens and returns what it is sent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};

/// A running service. It ends with the runtime of the test.
#[derive(Debug, Clone)]
pub struct FakeService {
    address: SocketAddr,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The login of each accepted token.
    tokens: Mutex<BTreeMap<String, String>>,
    requests: AtomicUsize,
}

impl FakeService {
    /// Starts a service that accepts `tokens` (token, login).
    pub async fn start(tokens: &[(&str, &str)]) -> Self {
        let inner = Arc::new(Inner { tokens: Mutex::new(owned(tokens)), requests: AtomicUsize::new(0) });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, inner }
    }

    /// Accepts `tokens`, and no others, from now on.
    pub fn accept(&self, tokens: &[(&str, &str)]) {
        *self.inner.tokens.lock().unwrap() = owned(tokens);
    }

    /// Its URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The number of requests so far.
    pub fn requests(&self) -> usize {
        self.inner.requests.load(Ordering::SeqCst)
    }
}

fn owned(tokens: &[(&str, &str)]) -> BTreeMap<String, String> {
    tokens.iter().map(|(token, login)| ((*token).to_owned(), (*login).to_owned())).collect()
}

async fn answer(
    State(service): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    service.requests.fetch_add(1, Ordering::SeqCst);
    let token = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let reflected = reflect(&method, &uri, &headers, &body);
    // A careless service repeats the credential in its error.
    let login = token.and_then(|token| service.tokens.lock().unwrap().get(token).cloned());
    let Some(login) = login else {
        return (
            StatusCode::UNAUTHORIZED,
            Json(json!({ "message": "bad credentials", "you_sent": reflected })),
        )
            .into_response();
    };
    match uri.path() {
        // GitHub calls it `/user`.
        "/whoami" | "/user" => Json(json!({ "login": login })).into_response(),
        "/reflect" => Json(reflected).into_response(),
        "/fail" => (
            StatusCode::INTERNAL_SERVER_ERROR,
            Json(json!({ "message": format!("broken while serving {headers:?}") })),
        )
            .into_response(),
        _ => (StatusCode::NOT_FOUND, Json(json!({ "message": "no such thing", "you_sent": reflected })))
            .into_response(),
    }
}

fn reflect(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Value {
    let headers: BTreeMap<_, _> = headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    json!({
        "method": method.as_str(),
        "uri": uri.to_string(),
        "headers": headers,
        "body": String::from_utf8_lossy(body),
    })
}
