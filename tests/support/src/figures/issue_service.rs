//! The service that both servers call. It does as little as possible, so that the servers are measured.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::Path;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use tokio_util::task::AbortOnDropHandle;

/// The token that it accepts.
pub(super) const TOKEN: &str = "figures_3f9a1c77b1d24e0fa1b2c3d4e5f60718";

/// Its response: GitHub's own example of an issue.
const ISSUE: &str = include_str!("../../../fixtures/github/get_issue.json");

/// A part of every correct response, and of no other one.
pub(super) const PROOF: &str = "\"number\":1347,";

/// A running service.
#[derive(Debug)]
pub struct IssueService {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl IssueService {
    /// Starts it on a free port.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub async fn start() -> io::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let listener = listener.tap_io(|stream| {
            // Without it, responses only leave later.
            let _ = stream.set_nodelay(true);
        });
        let routes = Router::new().route("/issues/{number}", get(issue));
        let task = tokio::spawn(async move {
            // It runs until it is dropped.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { address, _task: AbortOnDropHandle::new(task) })
    }

    /// Its URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn issue(Path(number): Path<u32>, headers: HeaderMap) -> Response {
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match (token, number) {
        (Some(TOKEN), 1347) => ([(CONTENT_TYPE, "application/json")], ISSUE).into_response(),
        (Some(TOKEN), _) => StatusCode::NOT_FOUND.into_response(),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}
