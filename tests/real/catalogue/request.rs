//! A request as a service receives it, parsed.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Its segments, percent-encoded as they were sent.
    pub(crate) path: Vec<String>,
    /// Names and values in order, decoded.
    pub(crate) query: Vec<(String, String)>,
    /// By name in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Option<Value>,
}

impl Request {
    /// Parses a request; a body must be JSON.
    pub(crate) fn new(method: &str, uri: &str, headers: BTreeMap<String, String>, body: &[u8]) -> Self {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        Self {
            method: method.to_owned(),
            path: path.trim_start_matches('/').split('/').map(str::to_owned).collect(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers,
            body: (!body.is_empty()).then(|| serde_json::from_slice(body).unwrap()),
        }
    }

    /// A segment of the path, decoded.
    pub(crate) fn segment(&self, at: usize) -> String {
        percent_decode_str(&self.path[at]).decode_utf8().unwrap().into_owned()
    }

    /// The path with its query, encoded.
    pub(crate) fn uri(&self) -> String {
        let mut uri = format!("/{}", self.path.join("/"));
        if !self.query.is_empty() {
            let pairs =
                url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
            uri = format!("{uri}?{pairs}");
        }
        uri
    }

    /// The same request with something changed.
    pub(crate) fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }
}
