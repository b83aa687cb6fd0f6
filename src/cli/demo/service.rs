//! The demo's REST service: two routes on loopback, each behind a token of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use cofferdam_vault::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// The key under which an answer repeats the header that opened it: where it is absent, no search proves anything.
pub(super) const ECHO: &str = "you_sent";

/// The tokens that the service takes, made for this run.
#[derive(Debug, Clone)]
pub(super) struct Tokens {
    /// Opens `/tickets`, as `Authorization: Bearer`.
    pub(super) tickets: SecretString,
    /// Opens `/notes`, as `X-Api-Key`.
    pub(super) notes: SecretString,
}

impl Tokens {
    /// Two new ones: 32 letters and digits each, from the thread's generator; they open nothing but this demo.
    pub(super) fn new() -> Self {
        let token =
            || -> SecretString { (0..32).map(|_| fastrand::alphanumeric()).collect::<String>().into() };
        Self { tickets: token(), notes: token() }
    }

    /// Whether `text` gives one of them away.
    pub(super) fn leak_in(&self, text: &str) -> bool {
        [&self.tickets, &self.notes].iter().any(|token| text.contains(token.expose_secret()))
    }
}

/// A running service; dropping it ends it.
#[derive(Debug)]
pub(super) struct Service {
    /// Where it listens.
    pub(super) address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Service {
    /// Starts the service on a free port of loopback.
    ///
    /// # Errors
    ///
    /// Where there is no free port.
    pub(super) async fn start(tokens: Tokens) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let routes = Router::new()
            .route("/tickets", get(tickets))
            .route("/notes", get(notes))
            .with_state(Arc::new(tokens));
        let task = tokio::spawn(async move {
            // Ends with the handle; axum's own loop never does.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { address, _task: AbortOnDropHandle::new(task) })
    }
}

async fn tickets(State(tokens): State<Arc<Tokens>>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let expected = format!("Bearer {}", tokens.tickets.expose_secret());
    answer(&headers, "authorization", &expected, json!([{ "number": 7, "title": "Leak in hold two" }]))
}

async fn notes(State(tokens): State<Arc<Tokens>>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let expected = tokens.notes.expose_secret();
    answer(&headers, "x-api-key", expected, json!([{ "text": "Check the pumps" }]))
}

/// The items for whoever sends what is expected. The answer repeats the header, as careless services do: the token
/// in it must not reach the model.
fn answer(headers: &HeaderMap, header: &str, expected: &str, items: Value) -> (StatusCode, Json<Value>) {
    match headers.get(header).and_then(|value| value.to_str().ok()) {
        Some(sent) if sent == expected => {
            (StatusCode::OK, Json(json!({ "items": items, ECHO: { header: sent } })))
        }
        _ => (StatusCode::UNAUTHORIZED, Json(json!({ "message": "wrong or missing token" }))),
    }
}
