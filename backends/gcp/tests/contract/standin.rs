//! A stand-in for Google Cloud: Secret Manager v1, and the servers that issue access tokens.
//!
//! It follows the published API description and refuses what that does not have: other paths, methods, parameters and members
//! of bodies. Like the real one, it numbers the versions of a secret from one, again after it was deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cofferdam_vault::testkit::{BackendUnderTest, open};
use cofferdam_vault::{BoxFuture, ErrorKind, ExposeSecret as _, SecretFields, SecretPath, Vault};
use cofferdam_vault_gcp::Config;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;

pub(crate) const PROJECT: &str = "my-project";

/// The service account whose key is in [`Google::service_account_key`].
pub(crate) const ACCOUNT: &str = "cofferdam@my-project.iam.gserviceaccount.com";

/// One version of a secret.
pub(crate) struct StoredVersion {
    pub(crate) state: &'static str,
    data: Vec<u8>,
}

/// A secret.
#[derive(Default)]
pub(crate) struct StoredSecret {
    pub(crate) etag: u32,
    pub(crate) labels: Value,
    pub(crate) versions: Vec<StoredVersion>,
}

/// What Google knows.
#[derive(Default)]
pub(crate) struct Cloud {
    pub(crate) secrets: BTreeMap<String, StoredSecret>,
    /// The access tokens that are valid.
    pub(crate) tokens: BTreeSet<String>,
    /// The number of tokens that were issued.
    pub(crate) issued: u32,
    /// The IDs of the secrets that the login may not access.
    pub(crate) denied: BTreeSet<String>,
    /// A response of Secret Manager in place of every other.
    pub(crate) instead: Option<(u16, String)>,
    /// A response of the login servers in place of every other.
    pub(crate) login_instead: Option<(u16, String)>,
    /// Whether requests to Secret Manager get no response.
    pub(crate) hang: bool,
    /// The number of secrets in a page.
    pub(crate) page: usize,
    /// Changes the checksum of what is returned.
    pub(crate) damage: bool,
    created: u32,
    /// The requests to Secret Manager: method and path.
    pub(crate) seen: Vec<String>,
    /// The requests to the login servers: path and body.
    pub(crate) logins: Vec<(String, String)>,
}

/// A stand-in for Google Cloud.
pub(crate) struct Google {
    pub(crate) address: String,
    pub(crate) cloud: Arc<Mutex<Cloud>>,
    /// Notified by each request that hangs.
    pub(crate) hung: Arc<Notify>,
    pub(crate) folder: TempDir,
}

impl Google {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            cloud: Arc::default(),
            hung: Arc::default(),
            folder: tempfile::tempdir().unwrap(),
        };
        server.cloud().page = 7;
        let (cloud, hung) = (Arc::clone(&server.cloud), Arc::clone(&server.hung));
        let handler = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| async move {
            let response = cloud.lock().unwrap().respond(&method, &uri, &headers, &body);
            match response {
                Some(response) => response,
                None => {
                    hung.notify_one();
                    std::future::pending().await
                }
            }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        server
    }

    pub(crate) fn cloud(&self) -> MutexGuard<'_, Cloud> {
        self.cloud.lock().unwrap()
    }

    /// Opens the vault with the metadata server as its login.
    pub(crate) fn open_with(&self, more: &str) -> Arc<dyn Vault> {
        self.open_login(&format!("metadata = true\n{more}"))
    }

    pub(crate) fn open_login(&self, more: &str) -> Arc<dyn Vault> {
        let address = &self.address;
        let settings =
            format!("project = '{PROJECT}'\nendpoint = '{address}'\nlogin_endpoint = '{address}'\n{more}");
        open::<Config>(&settings, self.folder.path())
    }

    pub(crate) fn write_file(&self, name: &str, content: &str) {
        std::fs::write(self.folder.path().join(name), content).unwrap();
    }

    /// Writes the key of the service account to `key.json`.
    pub(crate) fn write_service_account_key(&self) {
        let key = include_str!("../../../contract/tests/fixtures/rsa.pem");
        let file = json!({
            "type": "service_account", "project_id": PROJECT, "private_key_id": "k1", "private_key": key,
            "client_email": ACCOUNT, "client_id": "1", "token_uri": "https://oauth2.googleapis.com/token",
        });
        self.write_file("key.json", &file.to_string());
    }

    /// Adds a version with `data` to the secret `id`.
    pub(crate) fn put(&self, id: &str, data: &[u8]) {
        self.cloud().put(id, data);
    }
}

/// An error by Google's error model.
pub(crate) fn failure(code: u16, status: &str, reason: &str) -> Response {
    let body = failure_body(code, status, reason);
    (StatusCode::from_u16(code).unwrap(), body).into_response()
}

pub(crate) fn failure_body(code: u16, status: &str, reason: &str) -> String {
    let mut error = json!({"code": code, "message": "canary-message", "status": status});
    if !reason.is_empty() {
        error["details"] = json!([
            {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"},
        ]);
    }
    json!({"error": error}).to_string()
}

fn ok(body: &Value) -> Response {
    body.to_string().into_response()
}

fn absent() -> Response {
    failure(404, "NOT_FOUND", "")
}

fn invalid() -> Response {
    failure(400, "INVALID_ARGUMENT", "")
}

/// The body as an object with these members only.
fn object(body: &[u8], members: &[&str]) -> Option<Map<String, Value>> {
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else { return None };
    body.keys().all(|key| members.contains(&key.as_str())).then_some(body)
}

impl Cloud {
    fn put(&mut self, id: &str, data: &[u8]) -> usize {
        self.created += 1;
        let etag = self.created;
        let new = || StoredSecret { etag, labels: json!({}), versions: Vec::new() };
        let secret = self.secrets.entry(id.to_owned()).or_insert_with(new);
        secret.versions.push(StoredVersion { state: "ENABLED", data: data.to_vec() });
        secret.versions.len()
    }

    /// `None` if the request gets no response.
    fn respond(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Option<Response> {
        let is_login = uri.path() == "/token"
            || uri.path() == "/v1/token"
            || uri.path().starts_with("/computeMetadata/")
            || uri.path().ends_with(":generateAccessToken");
        if is_login {
            return Some(self.log_in(method, uri, headers, body));
        }
        self.seen.push(format!("{method} {}", uri.path()));
        if self.hang {
            return None;
        }
        if let Some((status, body)) = &self.instead {
            let status = StatusCode::from_u16(*status).unwrap();
            return Some((status, [(header::RETRY_AFTER, "7")], body.clone()).into_response());
        }
        let token = headers[header::AUTHORIZATION].to_str().unwrap().strip_prefix("Bearer ").unwrap();
        if !self.tokens.contains(token) && !is_self_signed(token) {
            return Some(failure(401, "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED"));
        }
        Some(self.answer(method, uri, headers, body))
    }

    fn issue(&mut self) -> String {
        self.issued += 1;
        let token = format!("canary-access-{}", self.issued);
        self.tokens.insert(token.clone());
        token
    }

    fn log_in(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response {
        let text = String::from_utf8(body.to_vec()).unwrap();
        self.logins.push((uri.path().to_owned(), text));
        if let Some((status, body)) = &self.login_instead {
            return (StatusCode::from_u16(*status).unwrap(), body.clone()).into_response();
        }
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let is_form =
            headers.get(header::CONTENT_TYPE).is_some_and(|t| t == "application/x-www-form-urlencoded");
        let refused = |code: &str| {
            let body = json!({"error": code, "error_description": "canary-message"}).to_string();
            (StatusCode::BAD_REQUEST, body).into_response()
        };
        match (method.as_str(), uri.path()) {
            ("GET", "/computeMetadata/v1/instance/service-accounts/default/token") => {
                match headers.get("metadata-flavor").is_some_and(|flavor| flavor == "Google") {
                    true => {
                        let token = self.issue();
                        ok(&json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}))
                    }
                    false => {
                        (StatusCode::FORBIDDEN, "Missing Metadata-Flavor:Google header.").into_response()
                    }
                }
            }
            ("POST", "/token") if is_form && field("grant_type") == "refresh_token" => {
                if (field("client_id"), field("client_secret"), field("refresh_token"))
                    != ("id", "canary-secret", "canary-refresh")
                {
                    return refused("invalid_grant");
                }
                let token = self.issue();
                ok(&json!({"access_token": token, "expires_in": 3599, "scope": "…", "token_type": "Bearer"}))
            }
            ("POST", "/v1/token") if is_form => {
                let expected = [
                    ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                    (
                        "audience",
                        "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
                    ),
                    ("scope", "https://www.googleapis.com/auth/cloud-platform"),
                    ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
                    ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
                    ("subject_token", "canary-subject"),
                ];
                if form.len() != expected.len() || expected.iter().any(|(name, value)| field(name) != *value)
                {
                    return refused("invalid_request");
                }
                let token = self.issue();
                let issued = "urn:ietf:params:oauth:token-type:access_token";
                ok(
                    &json!({"access_token": token, "issued_token_type": issued, "token_type": "Bearer", "expires_in": 3599}),
                )
            }
            ("POST", path)
                if path == format!("/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken") =>
            {
                let token = headers[header::AUTHORIZATION].to_str().unwrap().strip_prefix("Bearer ").unwrap();
                // The federated token may only be exchanged.
                if !self.tokens.remove(token) || object(body, &["scope", "lifetime"]).is_none() {
                    return failure(403, "PERMISSION_DENIED", "IAM_PERMISSION_DENIED");
                }
                let token = self.issue();
                ok(&json!({"accessToken": token, "expireTime": "2026-11-30T01:00:00Z"}))
            }
            _ => (StatusCode::NOT_FOUND, "").into_response(),
        }
    }

    fn answer(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response {
        let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let query: BTreeMap<String, String> = query.into_owned().collect();
        let only = |allowed: &[&str]| query.keys().all(|key| allowed.contains(&key.as_str()));
        let is_json = headers.get(header::CONTENT_TYPE).is_some_and(|t| t == "application/json");
        if method == Method::POST && !is_json {
            return invalid();
        }
        let Some(path) = uri.path().strip_prefix("/v1/projects/") else { return absent() };
        let Some((project, path)) = path.split_once('/') else { return absent() };
        if project != PROJECT {
            return failure(403, "PERMISSION_DENIED", "CONSUMER_INVALID");
        }
        let segments: Vec<&str> = path.split('/').collect();
        match (method.as_str(), segments.as_slice()) {
            ("GET", ["secrets"]) if only(&["pageSize", "pageToken", "filter"]) => self.list(&query),
            ("POST", ["secrets"]) if only(&["secretId"]) => self.create(&query["secretId"], body),
            ("GET", ["secrets", id]) if query.is_empty() => match self.secrets.get(*id) {
                Some(secret) => ok(&resource(id, secret)),
                None => absent(),
            },
            ("DELETE", ["secrets", id]) if only(&["etag"]) => match self.secrets.get(*id) {
                None => absent(),
                Some(secret)
                    if query.get("etag").is_some_and(|etag| *etag != format!("\"{}\"", secret.etag)) =>
                {
                    failure(400, "FAILED_PRECONDITION", "")
                }
                Some(_) => {
                    self.secrets.remove(*id);
                    ok(&json!({}))
                }
            },
            ("POST", ["secrets", id]) if query.is_empty() => match id.split_once(':') {
                Some((id, "addVersion")) => self.add(id, body),
                Some((id, "testIamPermissions")) => {
                    let Some(mut asked) = object(body, &["permissions"]) else { return invalid() };
                    match self.secrets.contains_key(id) && !self.denied.contains(id) {
                        true => ok(&json!({"permissions": asked.remove("permissions")})),
                        false => ok(&json!({})),
                    }
                }
                _ => absent(),
            },
            ("GET", ["secrets", id, "versions"]) if only(&["pageSize", "pageToken", "filter"]) => {
                self.versions(id, &query)
            }
            ("GET", ["secrets", id, "versions", version]) if query.is_empty() => self.version(id, version),
            _ => absent(),
        }
    }

    fn list(&self, query: &BTreeMap<String, String>) -> Response {
        let part = match query.get("filter").map(|filter| filter.strip_prefix("name:")) {
            None => "",
            Some(Some(part)) => part,
            Some(None) => return invalid(),
        };
        let after: usize = query.get("pageToken").map_or(0, |token| token.parse().unwrap());
        let all: Vec<Value> = self
            .secrets
            .iter()
            .filter(|(id, _)| id.contains(part))
            .map(|(id, secret)| resource(id, secret))
            .collect();
        let size = self.page.min(query["pageSize"].parse().unwrap());
        let page: Vec<&Value> = all.iter().skip(after).take(size).collect();
        let mut body = Map::new();
        if !page.is_empty() {
            body.insert("secrets".to_owned(), json!(page));
        }
        if after + size < all.len() {
            body.insert("nextPageToken".to_owned(), json!((after + size).to_string()));
        }
        ok(&Value::Object(body))
    }

    fn create(&mut self, id: &str, body: &[u8]) -> Response {
        let Some(body) = object(body, &["replication", "labels"]) else { return invalid() };
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if body["replication"] != json!({"automatic": {}}) || id.len() > 255 || !id.bytes().all(valid) {
            return invalid();
        }
        if self.secrets.contains_key(id) {
            return failure(409, "ALREADY_EXISTS", "");
        }
        self.created += 1;
        let secret =
            StoredSecret { etag: self.created, labels: body["labels"].clone(), versions: Vec::new() };
        let created = resource(id, &secret);
        self.secrets.insert(id.to_owned(), secret);
        ok(&created)
    }

    fn add(&mut self, id: &str, body: &[u8]) -> Response {
        let Some(body) = object(body, &["payload"]) else { return invalid() };
        let payload = body["payload"].as_object().unwrap();
        let data = STANDARD.decode(payload["data"].as_str().unwrap()).unwrap();
        let sum: u32 = payload["dataCrc32c"].as_str().unwrap().parse().unwrap();
        if payload.len() != 2 || sum != crc32c(&data) {
            return invalid();
        }
        if !self.secrets.contains_key(id) {
            return absent();
        }
        let number = self.put(id, &data);
        ok(&entry(id, number, "ENABLED"))
    }

    fn versions(&self, id: &str, query: &BTreeMap<String, String>) -> Response {
        let Some(secret) = self.secrets.get(id) else { return absent() };
        if query.get("filter").is_some_and(|filter| filter != "state:ENABLED") {
            return invalid();
        }
        let numbered = secret.versions.iter().enumerate().rev();
        let found =
            numbered.filter(|(_, version)| !query.contains_key("filter") || version.state == "ENABLED");
        let size = query["pageSize"].parse().unwrap();
        let page: Vec<Value> =
            found.take(size).map(|(at, version)| entry(id, at + 1, version.state)).collect();
        ok(&json!({"versions": page, "totalSize": secret.versions.len()}))
    }

    fn version(&self, id: &str, version: &str) -> Response {
        let (version, access) = match version.split_once(':') {
            Some((version, "access")) => (version, true),
            Some(_) => return absent(),
            None => (version, false),
        };
        if access && self.denied.contains(id) {
            return failure(403, "PERMISSION_DENIED", "IAM_PERMISSION_DENIED");
        }
        let Some(secret) = self.secrets.get(id) else { return absent() };
        let number = if version == "latest" { secret.versions.len() } else { version.parse().unwrap() };
        let Some(found) = number.checked_sub(1).and_then(|at| secret.versions.get(at)) else {
            return absent();
        };
        if !access {
            return ok(&entry(id, number, found.state));
        }
        if found.state != "ENABLED" {
            return failure(400, "FAILED_PRECONDITION", "");
        }
        let sum = crc32c(&found.data) ^ u32::from(self.damage);
        let mut payload = json!({"dataCrc32c": sum.to_string()});
        if !found.data.is_empty() {
            payload["data"] = json!(STANDARD.encode(&found.data));
        }
        ok(&json!({"name": name(id, number), "payload": payload}))
    }
}

/// The name of a version, with the project's number as Google returns it.
fn name(id: &str, number: usize) -> String {
    format!("projects/123456/secrets/{id}/versions/{number}")
}

fn entry(id: &str, number: usize, state: &str) -> Value {
    json!({"name": name(id, number), "createTime": "2026-11-30T00:00:00Z", "state": state, "etag": "\"v\""})
}

fn resource(id: &str, secret: &StoredSecret) -> Value {
    json!({
        "name": format!("projects/123456/secrets/{id}"), "replication": {"automatic": {}},
        "createTime": "2026-11-30T00:00:00Z", "labels": secret.labels, "etag": format!("\"{}\"", secret.etag),
    })
}

/// Whether `token` has the header and the claims of a token that the service account signed. The signature is tested where it
/// is made.
fn is_self_signed(token: &str) -> bool {
    let parts: Vec<Vec<u8>> = token.split('.').filter_map(|part| URL_SAFE_NO_PAD.decode(part).ok()).collect();
    let [header, claims, signature] = parts.as_slice() else { return false };
    let (header, claims): (Value, Value) =
        (serde_json::from_slice(header).unwrap(), serde_json::from_slice(claims).unwrap());
    let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    header == json!({"kid": "k1", "alg": "RS256", "typ": "JWT"})
        && claims["iss"] == ACCOUNT
        && claims["sub"] == ACCOUNT
        && claims["aud"] == "https://secretmanager.googleapis.com/"
        && lifetime <= 3600
        && signature.len() == 256
}

/// CRC-32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}

/// The JSON object of `fields`.
fn json_text(fields: &SecretFields) -> String {
    let members = fields.iter().map(|(name, value)| (name.to_string(), json!(value.expose_secret())));
    Value::Object(members.collect()).to_string()
}

/// The ID of `path`, for paths without `_` before `_`, `/` or the end.
pub(crate) fn id(path: &SecretPath) -> String {
    format!("cofferdam__{}", path.as_str().replace('/', "__"))
}

impl BackendUnderTest for Google {
    fn open(&self) -> Arc<dyn Vault> {
        self.open_with("prefix = 'cofferdam'")
    }

    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()> {
        self.put(&id(path), json_text(fields).as_bytes());
        Box::pin(async {})
    }

    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()> {
        self.cloud().secrets.remove(&id(path));
        Box::pin(async {})
    }

    fn take_down(&self) -> BoxFuture<'_, ErrorKind> {
        self.cloud().instead = Some((503, failure_body(503, "UNAVAILABLE", "")));
        Box::pin(async { ErrorKind::Unavailable })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        self.cloud().instead = None;
        Box::pin(async {})
    }
}
