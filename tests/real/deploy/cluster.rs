//! A real Kubernetes API server, and requests to it.

use std::time::Duration;

use cofferdam_servers::Kubernetes;
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// A response of the API server.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    /// What it accepts with a warning.
    pub(crate) warnings: Vec<String>,
}

impl Reply {
    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

/// A running API server.
pub(crate) struct Cluster {
    pub(crate) server: Kubernetes,
    client: reqwest::Client,
}

impl Cluster {
    /// Starts a server and waits until it is ready.
    pub(crate) async fn start() -> Self {
        let server = Kubernetes::start().unwrap_or_else(|error| panic!("{error}"));
        let client =
            reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
        let cluster = Self { server, client };
        let ready = async {
            while !cluster.ask(Method::GET, "/readyz", "text/plain", String::new()).await.status.is_success()
            {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), ready).await.expect("the API server gets ready");
        cluster
    }

    /// Checks `yaml` completely without creating it, as `kubectl apply --dry-run=server --validate=strict` does.
    pub(crate) async fn dry_run(&self, kind: &str, yaml: String) -> Reply {
        let api_path = format!("{}?dryRun=All&fieldValidation=Strict", collection(kind));
        self.ask(Method::POST, &api_path, "application/yaml", yaml).await
    }

    /// Creates the object in `yaml`.
    pub(crate) async fn create(&self, kind: &str, yaml: String) -> Reply {
        let api_path = format!("{}?fieldValidation=Strict", collection(kind));
        self.ask(Method::POST, &api_path, "application/yaml", yaml).await
    }

    /// One request as the administrator.
    pub(crate) async fn ask(&self, method: Method, api_path: &str, kind: &str, body: String) -> Reply {
        let request = self.client.request(method, format!("{}{api_path}", self.server.address()));
        let request = request.bearer_auth(Kubernetes::ADMIN).header("content-type", kind).body(body);
        let answer = request.send().await.unwrap();
        let warnings = answer.headers().get_all("warning").iter();
        let warnings = warnings.map(|text| text.to_str().unwrap().to_owned()).collect();
        let status = answer.status();
        let body = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null);
        Reply { status, body, warnings }
    }
}

/// The path under which objects of a kind are created, in the namespace of `deploy/kubernetes`.
fn collection(kind: &str) -> &'static str {
    match kind {
        "Namespace" => "/api/v1/namespaces",
        "ServiceAccount" => "/api/v1/namespaces/cofferdam/serviceaccounts",
        "ConfigMap" => "/api/v1/namespaces/cofferdam/configmaps",
        "Service" => "/api/v1/namespaces/cofferdam/services",
        "Pod" => "/api/v1/namespaces/cofferdam/pods",
        "Deployment" => "/apis/apps/v1/namespaces/cofferdam/deployments",
        "PodDisruptionBudget" => "/apis/policy/v1/namespaces/cofferdam/poddisruptionbudgets",
        "NetworkPolicy" => "/apis/networking.k8s.io/v1/namespaces/cofferdam/networkpolicies",
        other => panic!("where are objects of kind {other} created?"),
    }
}
