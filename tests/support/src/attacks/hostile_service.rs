//! A service that answers late, or with more than anyone wants.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::Failed;
use super::hostile_answer::COMPRESSED;

/// A little less than the largest answer and the largest request that are accepted by default.
pub(super) const LARGEST: usize = 4 * 1024 * 1024 - 1024;

/// How late it answers.
const LATE: Duration = Duration::from_secs(5);

/// The length of a large answer, which a tool may have.
const LARGE: usize = 1024 * 1024;

/// A running service. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct HostileService {
    url: String,
    _task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Answers {
    plain: Bytes,
    compressed: Bytes,
    large: Bytes,
}

/// A list of at most `length` bytes with as many objects as possible: 8 bytes each, and far more once they are decoded.
pub(super) fn many_objects(length: usize) -> String {
    const OBJECT: &str = r#"{"":0}"#;
    let count = length.saturating_sub(1) / (OBJECT.len() + 1);
    let mut text = String::with_capacity(length);
    for index in 0..count {
        text.push(if index == 0 { '[' } else { ',' });
        text.push_str(OBJECT);
    }
    text.push(']');
    text
}

impl HostileService {
    /// Starts it on a free port.
    pub(super) async fn start() -> Result<Self, Failed> {
        let plain = many_objects(LARGEST);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain.as_bytes())?;
        let compressed = encoder.finish()?.into();
        let large = json!({ "text": "x".repeat(LARGE) }).to_string().into();
        let answers = Arc::new(Answers { plain: plain.into(), compressed, large });
        let routes = Router::new()
            .route("/repos/{owner}/{repo}/issues", get(issues))
            .route("/late", get(late))
            .route("/large", get(large_answer))
            .with_state(answers);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let task = tokio::spawn(async move {
            // It runs until it is dropped.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { url, _task: AbortOnDropHandle::new(task) })
    }

    /// Its URL, without a slash at the end.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

async fn issues(State(answers): State<Arc<Answers>>, Path((_, repo)): Path<(String, String)>) -> Response {
    match repo == COMPRESSED {
        true => {
            ([(CONTENT_TYPE, "application/json"), (CONTENT_ENCODING, "gzip")], answers.compressed.clone())
                .into_response()
        }
        false => ([(CONTENT_TYPE, "application/json")], answers.plain.clone()).into_response(),
    }
}

async fn late() -> Json<Value> {
    tokio::time::sleep(LATE).await;
    Json(json!({}))
}

async fn large_answer(State(answers): State<Arc<Answers>>) -> Response {
    ([(CONTENT_TYPE, "application/json")], answers.large.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_objects_are_json_of_nearly_that_length() {
        let text = many_objects(1000);
        assert!(text.len() <= 1000 && text.len() > 990, "{}", text.len());
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value.as_array().unwrap().len(), 142);
    }
}
