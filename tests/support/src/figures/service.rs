//! The service that both servers call: the least that there can be, so that what is measured is in front of it.

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

/// The credential that it takes.
pub(super) const TOKEN: &str = "figures_3f9a1c77b1d24e0fa1b2c3d4e5f60718";

/// What it answers: GitHub's own example of an issue.
const ISSUE: &str = include_str!("../../../tests/fixtures/github/get_issue.json");

/// What stands in every right answer, and in no other.
pub(super) const PROOF: &str = "\"number\":1347,";

/// A running service.
pub(crate) struct Service {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Service {
    /// Starts it on a free port.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let listener = listener.tap_io(|stream| {
            // It only makes answers leave later.
            let _ = stream.set_nodelay(true);
        });
        let routes = Router::new().route("/issues/{number}", get(issue));
        let task = tokio::spawn(async move {
            // It ends when it is dropped.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { address, _task: AbortOnDropHandle::new(task) })
    }

    /// Its address, without a slash at the end.
    pub(crate) fn url(&self) -> String {
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
