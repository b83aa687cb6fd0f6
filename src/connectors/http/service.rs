//! What the connector needs to know of a module, a tool and an account.

use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

use super::clients::Clients;
use super::request::RequestTemplate;
use super::settings::HttpSettings;
use crate::broker::CredentialSpec;
use crate::connectors::effects::Effects;
use crate::connectors::workers::WorkerPool;

/// A module's service.
#[derive(Debug)]
pub struct Service {
    /// Its name, for people and models.
    pub title: String,
    /// The checked `[http]` table of its manifest; modules of one manifest share it.
    pub settings: Arc<HttpSettings>,
    /// How a credential is put on a request.
    pub credential: CredentialSpec,
    /// Its connections, and the look-ups of its names.
    pub clients: Clients,
    /// The threads that process large answers.
    pub workers: WorkerPool,
}

/// What a tool does: one request.
#[derive(Debug)]
pub struct Operation {
    /// How the request is made from the arguments.
    pub request: RequestTemplate,
    /// What it does to the world outside.
    pub effects: Effects,
    /// What its answer is.
    pub answer: AnswerFormat,
    /// JSON Schema 2020-12 of the arguments: an object without further properties.
    pub input_schema: Arc<Map<String, Value>>,
}

/// What the answer of an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerFormat {
    /// What the service declares: JSON, text or anything else.
    Declared,
    /// JSON, whatever the service declares.
    Json,
    /// The user's content, such as a file: its text, or its bytes in Base64. It is never parsed.
    Opaque,
}

/// Where an account's service is.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The base of every request's URL.
    pub base_url: Url,
    /// Whether the credential may be sent over plain `http` to other machines.
    pub insecure_http: bool,
}
