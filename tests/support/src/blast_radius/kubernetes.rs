//! A Kubernetes API server, and a front without TLS before it, so that the proxies see its requests.

use std::net::SocketAddr;
use std::path::Path;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::block_in_place;
use tokio_util::task::AbortOnDropHandle;

use super::Failed;
use super::proxy::ScriptedResponse;
use crate::kubernetes_server::KubernetesServer;

/// The files of the login: the kubeconfig and the token that it names.
const KUBECONFIG: &str = "kubeconfig";
const TOKEN: &str = "kubernetes-token";

/// A running API server with the Secret `kubernetes.default`.
pub(crate) struct Cluster {
    server: KubernetesServer,
    namespace: String,
    token: String,
    /// Whether watches are refused, and those that are open end.
    watches_break: watch::Sender<bool>,
    /// The front.
    pub(crate) front: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

/// What the front needs.
#[derive(Clone)]
struct Front {
    client: reqwest::Client,
    to: String,
    watches_break: watch::Receiver<bool>,
}

impl Cluster {
    /// Starts it with `token` in its Secret.
    pub(crate) async fn start(token: &str) -> Result<Self, Failed> {
        let server = KubernetesServer::own().await;
        let namespace = server.namespace().await;
        server.put(&namespace, "kubernetes.default", &[("token", token.as_bytes())], json!({})).await;
        let (_, login) = server.login(&namespace, &["get", "list", "watch"], &[]).await;
        let watches_break = watch::Sender::new(false);
        let client = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build()?;
        let state = Front { client, to: server.address.clone(), watches_break: watches_break.subscribe() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let front = listener.local_addr()?;
        let router = axum::Router::new().fallback(pass_on).with_state(state);
        let task = tokio::spawn(async move {
            // It ends with the fixture.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            server,
            namespace,
            token: login,
            watches_break,
            front,
            _task: AbortOnDropHandle::new(task),
        })
    }

    /// Writes the login into `folder`, for the proxy at `address`. Returns the backend's settings.
    pub(crate) fn settings(&self, folder: &Path, address: SocketAddr) -> String {
        let user = format!("tokenFile: {TOKEN}");
        self.server.write_kubeconfig(&folder.join(KUBECONFIG), &format!("http://{address}"), &user);
        self.set_login(folder, true);
        let namespace = &self.namespace;
        format!("backend = \"kubernetes\"\nnamespace = \"{namespace}\"\nkubeconfig = \"{KUBECONFIG}\"")
    }

    /// Writes the token of the login, or one that the API server does not accept.
    pub(crate) fn set_login(&self, folder: &Path, valid: bool) {
        crate::write_private(&folder.join(TOKEN), if valid { &self.token } else { "expired" });
    }

    /// Whether watches break.
    pub(crate) fn break_watches(&self, broken: bool) {
        self.watches_break.send_replace(broken);
    }

    pub(crate) fn kill(&self) {
        // It waits for the process to end; the load must continue.
        block_in_place(|| self.server.process(|process| process.kill()));
    }

    pub(crate) async fn revive(&self) -> Result<(), Failed> {
        block_in_place(|| self.server.process(|process| process.revive()))?;
        self.server.wait_until_ready().await;
        Ok(())
    }
}

/// The response of an API server that asks for fewer requests.
pub(crate) fn throttled() -> ScriptedResponse {
    let status = json!({ "kind": "Status", "apiVersion": "v1", "reason": "TooManyRequests", "code": 429 });
    ScriptedResponse {
        status: "429 Too Many Requests",
        content_type: "application/json",
        body: status.to_string().into_bytes(),
    }
}

async fn pass_on(
    State(mut front): State<Front>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let watches = uri.query().is_some_and(|query| query.contains("watch=true"));
    if watches && *front.watches_break.borrow() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let url = format!("{}{uri}", front.to);
    let mut request = front.client.request(method, url).body(body);
    for name in ["authorization", "accept", "content-type"] {
        request = headers.get(name).into_iter().fold(request, |request, value| request.header(name, value));
    }
    match request.send().await {
        Ok(response) => {
            let status = response.status();
            let broken = async move {
                // An error means that the fixture has ended.
                let _ = front.watches_break.wait_for(|broken| *broken && watches).await;
            };
            (status, Body::from_stream(response.bytes_stream().take_until(Box::pin(broken)))).into_response()
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
