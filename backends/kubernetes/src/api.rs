//! The requests.

use std::sync::Arc;

use cofferdam_vault::http::{LineReader, Method, Request, Response, StatusCode};
use cofferdam_vault::{SecretPath, VaultError};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::connection::{Connection, Connector};
use crate::names;
use crate::status::{self, Answer, Status};

/// Maximum size of a Secret: 1 MiB in base64, and its metadata.
const MAX_SECRET_BYTES: usize = 4 * 1024 * 1024;

/// Maximum size of a page of a listing.
const MAX_LIST_BYTES: usize = 16 * 1024 * 1024;

/// After how many seconds the API server ends a watch. It is then opened again, so a watch that works is heard this often.
pub(crate) const WATCH_SECONDS: u64 = 25;

const JSON: &str = "application/json";
const JSON_PATCH: &str = "application/json-patch+json";
/// Objects without their values. The API server leaves them out, so they are never sent.
const PARTIAL: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const PARTIAL_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// The Secrets of one namespace, asked through one connection.
pub(crate) struct Api<'a> {
    connector: &'a Connector,
    connection: Arc<Connection>,
}

/// The Secret of a path.
#[derive(Debug, Clone)]
pub(crate) struct Name(pub(crate) String);

/// What a login may be allowed to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access<'a> {
    pub(crate) verb: &'a str,
    pub(crate) resource: &'a str,
    /// `*` for every API group; empty for that of Secrets.
    pub(crate) group: &'a str,
    /// `None` for every namespace.
    pub(crate) namespace: Option<&'a str>,
    /// `None` for every object.
    pub(crate) name: Option<&'a str>,
}

impl Name {
    pub(crate) fn new(path: &SecretPath) -> Self {
        Self(names::encode(path))
    }
}

impl<'a> Api<'a> {
    /// The connection of `connector`, which is made if there is none.
    ///
    /// # Errors
    ///
    /// Those of [`Connector::get`].
    pub(crate) async fn connect(connector: &'a Connector) -> Result<Self, VaultError> {
        Ok(Self { connector, connection: connector.get().await? })
    }

    /// Reads a Secret.
    pub(crate) async fn read(&self, name: &Name) -> Result<Answer, VaultError> {
        let request = Request::get(self.secret(name)).with_max_bytes(MAX_SECRET_BYTES);
        self.ask(&request, "a read", JSON, JSON).await
    }

    /// Reads a Secret without its values.
    pub(crate) async fn read_metadata(&self, name: &Name) -> Result<Answer, VaultError> {
        self.ask(&Request::get(self.secret(name)), "a read", JSON, PARTIAL).await
    }

    /// Creates the Secret in `body`. The response has no values.
    pub(crate) async fn create(&self, body: Zeroizing<Vec<u8>>) -> Result<Answer, VaultError> {
        let request = Request { body, ..Request::new(Method::POST, self.secrets()) };
        self.ask(&request, "a write", JSON, PARTIAL).await
    }

    /// Changes a Secret by the JSON Patch in `body`. The response has no values.
    pub(crate) async fn patch(&self, name: &Name, body: Zeroizing<Vec<u8>>) -> Result<Answer, VaultError> {
        let request = Request { body, ..Request::new(Method::PATCH, self.secret(name)) };
        self.ask(&request, "a write", JSON_PATCH, PARTIAL).await
    }

    /// Deletes a Secret with the options in `body`. The response has no values.
    pub(crate) async fn delete(&self, name: &Name, body: Zeroizing<Vec<u8>>) -> Result<Answer, VaultError> {
        let request = Request { body, ..Request::new(Method::DELETE, self.secret(name)) };
        self.ask(&request, "a delete", JSON, PARTIAL).await
    }

    /// Lists Secrets without their values, at most `limit`, from where the page before ended.
    pub(crate) async fn list(&self, limit: u32, after: Option<&str>) -> Result<Answer, VaultError> {
        let mut request = Request::get(self.secrets()).with_max_bytes(MAX_LIST_BYTES);
        request = request.with_parameter("limit", &limit.to_string());
        if let Some(after) = after {
            request = request.with_parameter("continue", after);
        }
        self.ask(&request, "a listing", JSON, PARTIAL_LIST).await
    }

    /// Watches all Secrets from `version` on. The events have no values.
    ///
    /// # Errors
    ///
    /// Those about the server; the inner one is a refusal.
    pub(crate) async fn watch(&self, version: &str) -> Result<Result<LineReader, Status>, VaultError> {
        let request = Request::get(self.secrets())
            .with_parameter("watch", "true")
            .with_parameter("allowWatchBookmarks", "true")
            .with_parameter("timeoutSeconds", &WATCH_SECONDS.to_string())
            .with_parameter("resourceVersion", version);
        let lines = self.checked(self.connection.open(&request, PARTIAL).await)?;
        if lines.status() == StatusCode::OK {
            return Ok(Ok(lines));
        }
        let response = lines.into_response(request.max_bytes).await?;
        match self.examine("a watch", response)? {
            Ok(_) => Err(self.unexpected("a watch")),
            Err(status) => Ok(Err(status)),
        }
    }

    /// Whether the login has `access`; `None` if the server does not say.
    ///
    /// # Errors
    ///
    /// Those about the server.
    pub(crate) async fn allows(&self, access: Access<'_>) -> Result<Option<bool>, VaultError> {
        #[derive(Deserialize)]
        struct Review {
            status: ReviewStatus,
        }
        #[derive(Deserialize)]
        struct ReviewStatus {
            allowed: bool,
        }
        let Access { verb, resource, group, namespace, name } = access;
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": {
                "verb": verb, "resource": resource, "group": group, "namespace": namespace, "name": name,
            } },
        });
        let path = "apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let body = Zeroizing::new(review.to_string().into_bytes());
        let request = Request { body, ..Request::new(Method::POST, path) };
        let answer = self.ask(&request, "an access review", JSON, JSON).await?;
        let review = answer.ok().and_then(|response| response.json::<Review>().ok());
        Ok(review.map(|review| review.status.allowed))
    }

    /// Checks that the server is ready, its storage included, and accepts the login.
    ///
    /// # Errors
    ///
    /// Those about the server.
    pub(crate) async fn ready(&self) -> Result<(), VaultError> {
        let to = "a check of readiness";
        match self.ask(&ready(), to, JSON, "*/*").await? {
            Ok(response) if response.body.trim_ascii() == b"ok" => Ok(()),
            // The login is accepted, and may not see whether the server is ready.
            Err(status) if status.is_forbidden() => Ok(()),
            _ => Err(self.unexpected(to)),
        }
    }

    async fn ask(
        &self,
        request: &Request,
        to: &str,
        content: &'static str,
        accept: &'static str,
    ) -> Result<Answer, VaultError> {
        let response = self.checked(self.connection.send(request, content, accept).await)?;
        self.examine(to, response)
    }

    /// Discards the connection if a request had no response: kubeconfig and certificates are then read again.
    fn checked<T>(&self, result: Result<T, VaultError>) -> Result<T, VaultError> {
        result.inspect_err(|_| self.connector.discard())
    }

    fn examine(&self, to: &str, response: Response) -> Result<Answer, VaultError> {
        if response.status == StatusCode::UNAUTHORIZED {
            self.connector.discard();
            return Err(self.connection.unauthenticated());
        }
        status::answer(self.connection.location(), to, response)
    }

    /// The connection.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The error of a response to `to` that no API server sends.
    pub(crate) fn unexpected(&self, to: &str) -> VaultError {
        status::unexpected(self.connection.location(), to)
    }

    /// The error of a refused request `to` for a Secret, which takes the permission `verb`.
    pub(crate) fn refused(&self, status: Status, name: &Name, to: &str, verb: &str) -> VaultError {
        status.into_error(self.connection.location(), &self.title(name), to, verb)
    }

    /// The error of a refused request `to` for all Secrets, which takes the permission `verb`.
    pub(crate) fn refused_all(&self, status: Status, to: &str, verb: &str) -> VaultError {
        let at = format!("the Secrets of namespace {}", self.connection.namespace());
        status.into_error(self.connection.location(), &at, to, verb)
    }

    /// A Secret as messages call it.
    pub(crate) fn title(&self, name: &Name) -> String {
        format!("Secret {}/{}", self.connection.namespace(), name.0)
    }

    fn secrets(&self) -> String {
        format!("api/v1/namespaces/{}/secrets", self.connection.namespace())
    }

    fn secret(&self, name: &Name) -> String {
        format!("{}/{}", self.secrets(), name.0)
    }
}

/// The request for the readiness of the server, which needs no login.
pub(crate) fn ready() -> Request {
    Request::get("readyz")
}
