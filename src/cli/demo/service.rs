//! The REST service of the demo: two routes on loopback, each with its own token.

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

/// The key under which a response echoes the header with the token.
pub(super) const ECHO: &str = "you_sent";

/// The tokens that the service accepts.
#[derive(Debug, Clone)]
pub(super) struct Tokens {
    /// For `/tickets`, as `Authorization: Bearer`.
    pub(super) tickets: SecretString,
    /// For `/notes`, as `X-Api-Key`.
    pub(super) notes: SecretString,
}

impl Tokens {
    /// Generates both tokens. The generator is not cryptographic; the tokens are valid for this demo only.
    pub(super) fn generate() -> Self {
        let token =
            || -> SecretString { (0..32).map(|_| fastrand::alphanumeric()).collect::<String>().into() };
        Self { tickets: token(), notes: token() }
    }

    /// Returns whether `text` contains one of the tokens.
    pub(super) fn occur_in(&self, text: &str) -> bool {
        [&self.tickets, &self.notes].iter().any(|token| text.contains(token.expose_secret()))
    }
}

/// A running service. Dropping it stops it.
#[derive(Debug)]
pub(super) struct Service {
    /// The address it listens on.
    pub(super) address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Service {
    /// Starts the service on a free port of loopback.
    ///
    /// # Errors
    ///
    /// Returns an error if no port is free.
    pub(super) async fn start(tokens: Tokens) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let routes = Router::new()
            .route("/tickets", get(tickets))
            .route("/notes", get(notes))
            .with_state(Arc::new(tokens));
        let task = tokio::spawn(async move {
            // Never returns. The task is aborted when the handle is dropped.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { address, _task: AbortOnDropHandle::new(task) })
    }
}

async fn tickets(State(tokens): State<Arc<Tokens>>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let expected = format!("Bearer {}", tokens.tickets.expose_secret());
    respond(&headers, "authorization", &expected, json!([{ "number": 7, "title": "Leak in hold two" }]))
}

async fn notes(State(tokens): State<Arc<Tokens>>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let expected = tokens.notes.expose_secret();
    respond(&headers, "x-api-key", expected, json!([{ "text": "Check the pumps" }]))
}

/// Returns the items if the header has the expected value. The response echoes the header, as careless services do, to show
/// that the token does not reach the model.
fn respond(headers: &HeaderMap, header: &str, expected: &str, items: Value) -> (StatusCode, Json<Value>) {
    match headers.get(header).and_then(|value| value.to_str().ok()) {
        Some(sent) if sent == expected => {
            (StatusCode::OK, Json(json!({ "items": items, ECHO: { header: sent } })))
        }
        _ => (StatusCode::UNAUTHORIZED, Json(json!({ "message": "invalid or missing token" }))),
    }
}
