//! A stand-in for Azure: a Key Vault with soft delete (version 7.4 of its API), Microsoft Entra ID, and the metadata service
//! of a machine.
//!
//! It follows the published API description and refuses what that does not have: other paths, methods, parameters and members
//! of bodies. Like the real one, it ignores the case of names, returns expired secrets, and keeps a deleted secret until it is
//! purged. Its clock advances by a second with each write.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use cofferdam_vault::testkit::{BackendUnderTest, open};
use cofferdam_vault::{BoxFuture, ErrorKind, ExposeSecret as _, SecretFields, SecretPath, Vault};
use cofferdam_vault_azure::Config;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;

pub(crate) const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

/// A time in 2026, long before the tests run.
const BEGIN: u64 = 1_770_000_000;

/// One version of a secret.
#[derive(Clone)]
pub(crate) struct StoredVersion {
    id: String,
    value: String,
    content_type: Option<String>,
    /// `enabled`, `nbf`, `exp`, `created`.
    pub(crate) attributes: Map<String, Value>,
}

/// What Azure knows.
#[derive(Default)]
pub(crate) struct Cloud {
    address: String,
    /// The versions of each secret, the oldest first.
    pub(crate) secrets: BTreeMap<String, Vec<StoredVersion>>,
    pub(crate) deleted: BTreeMap<String, Vec<StoredVersion>>,
    /// Names whose deletion or recovery has not ended.
    pub(crate) in_transition: Vec<String>,
    pub(crate) tokens: Vec<String>,
    pub(crate) issued: u32,
    /// Names that the login may not read.
    pub(crate) denied: Vec<String>,
    pub(crate) may_list: bool,
    /// A response of the Key Vault in place of every other.
    pub(crate) instead: Option<(u16, String)>,
    /// A response of the login servers in place of every other.
    pub(crate) login_instead: Option<(u16, String)>,
    /// Whether requests to the Key Vault get no response.
    pub(crate) hang: bool,
    pub(crate) frozen: bool,
    created: u64,
    /// The requests to the Key Vault: method and path.
    pub(crate) seen: Vec<String>,
    /// The requests to the login servers: path, and form or query.
    pub(crate) logins: Vec<(String, BTreeMap<String, String>)>,
}

/// A stand-in for Azure.
pub(crate) struct Azure {
    pub(crate) address: String,
    cloud: Arc<Mutex<Cloud>>,
    /// Notified by each request that hangs.
    pub(crate) hung: Arc<Notify>,
    pub(crate) folder: TempDir,
}

impl Azure {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            cloud: Arc::default(),
            hung: Arc::default(),
            folder: tempfile::tempdir().unwrap(),
        };
        server.cloud().address = server.address.clone();
        server.cloud().may_list = true;
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

    /// Opens the vault with a managed identity as its login.
    pub(crate) fn open_with(&self, more: &str) -> Arc<dyn Vault> {
        self.open_login(&format!("managed_identity = true\n{more}"))
    }

    pub(crate) fn open_login(&self, more: &str) -> Arc<dyn Vault> {
        let address = &self.address;
        let settings = format!("vault_url = '{address}'\nlogin_endpoint = '{address}'\n{more}");
        open::<Config>(&settings, self.folder.path())
    }

    pub(crate) fn write_file(&self, name: &str, content: &str) {
        std::fs::write(self.folder.path().join(name), content).unwrap();
    }
}

/// An error by the model of Key Vault.
pub(crate) fn failure_body(code: &str, inner: &str) -> String {
    let mut error = json!({"code": code, "message": "canary-message"});
    if !inner.is_empty() {
        error["innererror"] = json!({"code": inner});
    }
    json!({"error": error}).to_string()
}

fn failure(status: u16, code: &str, inner: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), failure_body(code, inner)).into_response()
}

fn ok(body: &Value) -> Response {
    body.to_string().into_response()
}

fn absent() -> Response {
    failure(404, "SecretNotFound", "")
}

fn invalid() -> Response {
    failure(400, "BadParameter", "")
}

fn pairs(text: &[u8]) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

impl Cloud {
    /// Adds a version, and returns it.
    pub(crate) fn put(&mut self, name: &str, value: &str, content_type: Option<&str>) -> StoredVersion {
        self.created += u64::from(!self.frozen);
        let number = self.secrets.get(name).map_or(0, Vec::len) + self.created as usize;
        let attributes =
            json!({"enabled": true, "created": BEGIN + self.created, "updated": BEGIN + self.created});
        let version = StoredVersion {
            // In no order.
            id: format!("{:032x}", (number as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)),
            value: value.to_owned(),
            content_type: content_type.map(str::to_owned),
            attributes: attributes.as_object().unwrap().clone(),
        };
        self.secrets.entry(name.to_ascii_lowercase()).or_default().push(version.clone());
        version
    }

    fn entry(&self, name: &str, version: &StoredVersion, with_version: bool) -> Value {
        let id = match with_version {
            true => format!("{}/secrets/{name}/{}", self.address, version.id),
            false => format!("{}/secrets/{name}", self.address),
        };
        let mut entry = json!({"id": id, "attributes": version.attributes, "tags": {}});
        if let Some(content_type) = &version.content_type {
            entry["contentType"] = json!(content_type);
        }
        entry
    }

    /// `None` if the request gets no response.
    fn respond(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Option<Response> {
        if uri.path().contains("/oauth2/") {
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
        if !self.tokens.iter().any(|known| known == token) {
            let challenge =
                r#"Bearer authorization="https://elsewhere.example/t", resource="https://vault.azure.net""#;
            let body = failure_body("Unauthorized", "");
            return Some(
                (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)], body).into_response(),
            );
        }
        Some(self.answer(method, uri, headers, body))
    }

    fn log_in(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response {
        let given = match *method == Method::GET {
            true => pairs(uri.query().unwrap_or_default().as_bytes()),
            false => pairs(body),
        };
        self.logins.push((uri.path().to_owned(), given.clone()));
        if let Some((status, body)) = &self.login_instead {
            return (StatusCode::from_u16(*status).unwrap(), body.clone()).into_response();
        }
        let field = |name: &str| given.get(name).map(String::as_str).unwrap_or_default();
        let only = |allowed: &[&str]| given.keys().all(|key| allowed.contains(&key.as_str()));
        let is_form =
            headers.get(header::CONTENT_TYPE).is_some_and(|t| t == "application/x-www-form-urlencoded");
        let refused = |code: &str| {
            let body =
                json!({"error": code, "error_description": "canary-message", "error_codes": [7_000_215]});
            (StatusCode::UNAUTHORIZED, body.to_string()).into_response()
        };
        self.issued += 1;
        let token = format!("canary-access-{}", self.issued);
        if (method.as_str(), uri.path()) == ("GET", "/metadata/identity/oauth2/token") {
            let valid = headers.get("metadata").is_some_and(|value| value == "true")
                && field("api-version") == "2018-02-01"
                && field("resource") == "https://vault.azure.net"
                && only(&["api-version", "resource", "client_id"]);
            if !valid {
                return refused("invalid_request");
            }
            self.tokens.push(token.clone());
            // As strings.
            return ok(&json!({"access_token": token, "expires_in": "86399", "token_type": "Bearer"}));
        }
        let is_entra =
            method == Method::POST && is_form && uri.path() == format!("/{TENANT}/oauth2/v2.0/token");
        let common = field("grant_type") == "client_credentials"
            && field("client_id") == CLIENT
            && field("scope") == "https://vault.azure.net/.default";
        let by_secret = field("client_secret") == "canary+secret ~"
            && only(&["grant_type", "client_id", "scope", "client_secret"]);
        let jwt_bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let by_assertion = field("client_assertion_type") == jwt_bearer
            && only(&["grant_type", "client_id", "scope", "client_assertion_type", "client_assertion"])
            && (field("client_assertion") == "canary-federated" || self.is_signed(field("client_assertion")));
        if !is_entra || !common || !(by_secret || by_assertion) {
            return refused("invalid_client");
        }
        self.tokens.push(token.clone());
        ok(
            &json!({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token}),
        )
    }

    /// Whether `assertion` has the header and the claims of one that the application signed. The signature is tested where it is
    /// made.
    fn is_signed(&self, assertion: &str) -> bool {
        use base64::Engine as _;
        let decode = |part| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).ok();
        let parts: Vec<Vec<u8>> = assertion.split('.').filter_map(decode).collect();
        let [header, claims, signature] = parts.as_slice() else { return false };
        let (header, claims): (Value, Value) =
            (serde_json::from_slice(header).unwrap(), serde_json::from_slice(claims).unwrap());
        header["alg"] == "PS256"
            && header["x5t#S256"].as_str().is_some_and(|thumbprint| thumbprint.len() == 43)
            && claims["aud"] == format!("{}/{TENANT}/oauth2/v2.0/token", self.address)
            && claims["iss"] == CLIENT
            && claims["sub"] == CLIENT
            && claims["jti"].as_str().is_some_and(|id| id.len() == 32)
            && claims["exp"].as_u64().unwrap() - claims["nbf"].as_u64().unwrap() <= 600
            && signature.len() == 256
    }

    fn answer(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response {
        let query = pairs(uri.query().unwrap_or_default().as_bytes());
        let is_list =
            method == Method::GET && (uri.path() == "/secrets" || uri.path().ends_with("/versions"));
        let allowed: &[&str] =
            if is_list { &["api-version", "maxresults", "$skiptoken"] } else { &["api-version"] };
        if query.get("api-version").map(String::as_str) != Some("7.4")
            || !query.keys().all(|key| allowed.contains(&key.as_str()))
        {
            return invalid();
        }
        let path = uri.path().to_ascii_lowercase();
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        if let ["secrets" | "deletedsecrets", name, ..] = segments.as_slice() {
            let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if !(1..=127).contains(&name.len()) || !name.bytes().all(valid) {
                return invalid();
            }
            if self.denied.iter().any(|denied| denied == name) {
                return failure(403, "Forbidden", "ForbiddenByRbac");
            }
        }
        match (method.as_str(), segments.as_slice()) {
            ("GET", ["secrets"]) => {
                if !self.may_list {
                    return failure(403, "Forbidden", "ForbiddenByRbac");
                }
                let newest = self.secrets.iter().filter_map(|(name, all)| Some((name, all.last()?)));
                let all = newest.map(|(name, version)| self.entry(name, version, false)).collect();
                self.page("secrets", &query, all)
            }
            ("GET", ["secrets", name, "versions"]) => {
                let versions = self.secrets.get(*name).cloned().unwrap_or_default();
                let mut all: Vec<Value> =
                    versions.iter().map(|version| self.entry(name, version, true)).collect();
                all.sort_by_key(|entry| entry["id"].to_string());
                self.page(&format!("secrets/{name}/versions"), &query, all)
            }
            ("GET", ["secrets", name, rest @ ..]) if rest.len() <= 1 => {
                let all = self.secrets.get(*name).map(Vec::as_slice).unwrap_or_default();
                let found = match rest.first().filter(|version| !version.is_empty()) {
                    None => all.last(),
                    Some(version) => all.iter().find(|stored| stored.id == **version),
                };
                match found {
                    None => absent(),
                    Some(found) if found.attributes["enabled"] == false => {
                        failure(403, "Forbidden", "SecretDisabled")
                    }
                    Some(found) => {
                        let mut entry = self.entry(name, found, true);
                        entry["value"] = json!(found.value);
                        ok(&entry)
                    }
                }
            }
            ("PUT", ["secrets", name]) => self.set(name, headers, body),
            ("DELETE", ["secrets", name]) => match self.secrets.remove(*name) {
                None => absent(),
                Some(versions) => {
                    let entry = self.entry(name, versions.last().unwrap(), true);
                    self.deleted.insert((*name).to_owned(), versions);
                    ok(&entry)
                }
            },
            ("GET", ["deletedsecrets", name]) => match self.deleted.get(*name) {
                None => absent(),
                Some(versions) => ok(&self.entry(name, versions.last().unwrap(), true)),
            },
            ("POST", ["deletedsecrets", name, "recover"]) => match self.deleted.remove(*name) {
                None => absent(),
                Some(versions) => {
                    let entry = self.entry(name, versions.last().unwrap(), true);
                    self.secrets.insert((*name).to_owned(), versions);
                    ok(&entry)
                }
            },
            _ => failure(404, "NotFound", ""),
        }
    }

    fn set(&mut self, name: &str, headers: &HeaderMap, body: &[u8]) -> Response {
        let is_json = headers.get(header::CONTENT_TYPE).is_some_and(|t| t == "application/json");
        let Ok(Value::Object(body)) = serde_json::from_slice(body) else { return invalid() };
        let known = ["value", "contentType", "tags", "attributes"];
        let Some(value) = body["value"].as_str().filter(|_| is_json) else { return invalid() };
        if !body.keys().all(|key| known.contains(&key.as_str())) {
            return invalid();
        }
        if self.in_transition.iter().any(|other| other == name) {
            return failure(409, "Conflict", "ObjectIsBeingRecovered");
        }
        if self.deleted.contains_key(name) {
            return failure(409, "Conflict", "ObjectIsDeletedButRecoverable");
        }
        let version = self.put(name, value, body["contentType"].as_str());
        let mut entry = self.entry(name, &version, true);
        entry["value"] = json!(value);
        ok(&entry)
    }

    /// A page of `all`, with an opaque token in the link to the next one.
    fn page(&self, path: &str, query: &BTreeMap<String, String>, all: Vec<Value>) -> Response {
        let after: usize =
            query.get("$skiptoken").map_or(0, |token| token.trim_matches('!').parse().unwrap());
        let size: usize = query["maxresults"].parse().unwrap();
        assert!(size <= 25, "the most that the API allows");
        let size = size.min(7);
        let next = (after + size < all.len()).then(|| {
            let (address, next) = (&self.address, after + size);
            format!("{address}:443/{path}?api-version=7.4&$skiptoken=!{next}!&maxresults=25")
        });
        let page: Vec<Value> = all.into_iter().skip(after).take(size).collect();
        ok(&json!({"value": page, "nextLink": next}))
    }
}

/// The JSON object of `fields`.
fn json_text(fields: &SecretFields) -> String {
    let members = fields.iter().map(|(name, value)| (name.to_string(), json!(value.expose_secret())));
    Value::Object(members.collect()).to_string()
}

/// The name of `path`, for paths in which no two of `-`, `_` and `/` meet.
pub(crate) fn name(path: &SecretPath) -> String {
    format!("cofferdam--{}", path.as_str().replace('_', "---").replace('/', "--"))
}

impl BackendUnderTest for Azure {
    fn open(&self) -> Arc<dyn Vault> {
        self.open_with("prefix = 'cofferdam'")
    }

    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()> {
        self.cloud().put(&name(path), &json_text(fields), None);
        Box::pin(async {})
    }

    /// Deletes and purges.
    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()> {
        self.cloud().secrets.remove(&name(path));
        Box::pin(async {})
    }

    fn take_down(&self) -> BoxFuture<'_, ErrorKind> {
        self.cloud().instead = Some((503, failure_body("ServiceUnavailable", "")));
        Box::pin(async { ErrorKind::Unavailable })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        self.cloud().instead = None;
        Box::pin(async {})
    }
}
