//! A proxy before Prism that records every request, so that it can be checked and sent again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use cofferdam_servers::Prism;
use serde_json::{Value, json};

use crate::description::Description;
use crate::request::Request;

/// A service: its descriptions, each with the URL of a Prism that serves it.
pub(crate) struct Service {
    pub(crate) described: Vec<(Description, String)>,
    client: reqwest::Client,
    recorded: Mutex<Vec<Request>>,
}

/// A running proxy. It ends with the runtime of the test.
pub(crate) struct Recorder {
    address: SocketAddr,
    pub(crate) service: Arc<Service>,
    _prisms: Vec<Prism>,
}

impl Recorder {
    /// Starts it.
    pub(crate) async fn start(descriptions: Vec<(Description, Prism)>) -> Self {
        let described = |(description, prism): (Description, Prism)| ((description, prism.url()), prism);
        let (described, prisms) = descriptions.into_iter().map(described).unzip();
        let client = reqwest::Client::new();
        let service = Arc::new(Service { described, client, recorded: Mutex::default() });
        let router = Router::new().fallback(pass_on).with_state(Arc::clone(&service));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, service, _prisms: prisms }
    }

    /// Its URL, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns and forgets the recorded requests.
    pub(crate) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.service.recorded.lock().unwrap())
    }
}

impl Service {
    /// The problems of a request by our own check; none if it fits one of the descriptions.
    pub(crate) fn problems(&self, request: &Request) -> Vec<String> {
        let mut problems = Vec::new();
        for (description, _) in &self.described {
            match description.operation(request).map(|operation| operation.problems(request)) {
                Some(found) if found.is_empty() => return Vec::new(),
                Some(found) => problems.extend(found),
                None => problems.push("there is no such operation".to_owned()),
            }
        }
        problems
    }

    /// The response of the first Prism that accepts the request, or the last one's error.
    pub(crate) async fn ask(&self, request: &Request) -> Result<(StatusCode, Bytes), String> {
        let mut rejection = String::new();
        for (_, prism) in &self.described {
            match self.ask_one(prism, request).await {
                Ok(answer) => return Ok(answer),
                Err(why) => rejection = why,
            }
        }
        Err(rejection)
    }

    async fn ask_one(&self, prism: &str, request: &Request) -> Result<(StatusCode, Bytes), String> {
        let method: Method = request.method.parse().unwrap();
        let mut sent = self.client.request(method, format!("{prism}{}", request.uri()));
        for (name, value) in &request.headers {
            if !["host", "content-length", "accept", "accept-encoding"].contains(&name.as_str()) {
                sent = sent.header(name, value);
            }
        }
        // GitHub's description explains its own media types, but does not list them for responses.
        sent = sent.header("accept", "application/json");
        if let Some(body) = &request.body {
            sent = sent.body(body.to_string());
        }
        let answer = sent.send().await.unwrap();
        let (status, body) = (answer.status(), answer.bytes().await.unwrap());
        if status.is_success() {
            return Ok((status, body));
        }
        let report: Value = serde_json::from_slice(&body).unwrap_or_default();
        let locations = report["validation"].as_array().into_iter().flatten();
        let mut locations =
            locations.map(|problem| problem["location"][0].as_str().unwrap_or_default()).peekable();
        // Some of the vendors' examples do not fit their own schemas; the request is valid then.
        if locations.peek().is_some() && locations.all(|location| location == "response") {
            return Ok((StatusCode::OK, Bytes::from_static(b"{}")));
        }
        Err(format!("{status} {}", String::from_utf8_lossy(&body)))
    }
}

async fn pass_on(
    State(service): State<Arc<Service>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let headers: BTreeMap<String, String> = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().to_owned()))
        .collect();
    let request = Request::new(method.as_str(), &uri.to_string(), headers, &body);
    service.recorded.lock().unwrap().push(request.clone());
    match service.ask(&request).await {
        Ok((status, body)) => (status, [("content-type", "application/json")], body).into_response(),
        Err(why) => (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(json!({ "message": why }))).into_response(),
    }
}
