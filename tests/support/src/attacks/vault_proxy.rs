//! A proxy before Vault that closes each connection after its response, and hangs on demand.
//!
//! Without it, a vault's client would keep one connection and look its name up once.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONNECTION, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::Failed;

/// A running proxy. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct VaultProxy {
    port: u16,
    hangs: watch::Sender<bool>,
    _task: AbortOnDropHandle<()>,
}

/// A vault that hangs until this is dropped.
#[derive(Debug)]
pub(crate) struct Hanging(watch::Sender<bool>);

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

#[derive(Debug)]
struct Upstream {
    client: reqwest::Client,
    address: String,
    hangs: watch::Receiver<bool>,
}

impl VaultProxy {
    /// Starts it on a free port before the Vault at `address`.
    pub(super) async fn start(client: reqwest::Client, address: SocketAddr) -> Result<Self, Failed> {
        let (hangs, hanging) = watch::channel(false);
        let upstream = Upstream { client, address: format!("http://{address}"), hangs: hanging };
        let routes = Router::new().fallback(pass_on).with_state(Arc::new(upstream));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(async move {
            // It runs until it is dropped.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { port, hangs, _task: AbortOnDropHandle::new(task) })
    }

    /// Its port on loopback.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Lets every request wait until the returned value is dropped.
    pub(super) fn hang(&self) -> Hanging {
        self.hangs.send_replace(true);
        Hanging(self.hangs.clone())
    }
}

async fn pass_on(
    State(upstream): State<Arc<Upstream>>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    // The sender lives as long as the proxy.
    let _ = upstream.hangs.clone().wait_for(|hangs| !hangs).await;
    headers.remove(HOST);
    let request = upstream.client.request(method, format!("{}{uri}", upstream.address));
    let mut response = match request.headers(headers).body(body).send().await {
        Ok(response) => {
            let mut passed = Response::new(Body::empty());
            *passed.status_mut() = response.status();
            if let Some(kind) = response.headers().get(CONTENT_TYPE) {
                passed.headers_mut().insert(CONTENT_TYPE, kind.clone());
            }
            match response.bytes().await {
                Ok(body) => passed.map(|_| Body::from(body)),
                Err(_) => StatusCode::BAD_GATEWAY.into_response(),
            }
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    };
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
