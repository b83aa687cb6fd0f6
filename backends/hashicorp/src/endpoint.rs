//! The endpoints that `vaultrs` lacks, or has only with secrets in plain strings.

use cofferdam_vault::{ExposeSecret as _, SecretFields, SecretString};
use rustify::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::fields;

/// A request with a path below `/v1/` and a body that is wiped on drop.
pub(crate) struct Request {
    method: RequestMethod,
    path: String,
    body: Option<Zeroizing<Vec<u8>>>,
}

impl Endpoint for Request {
    type Response = ();
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        self.method.clone()
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        // The client wipes this copy, and `Drop` the other.
        Ok(self.body.as_ref().map(|body| body.to_vec()))
    }
}

fn post(path: impl Into<String>, body: Zeroizing<Vec<u8>>) -> Request {
    Request { method: RequestMethod::POST, path: path.into(), body: Some(body) }
}

fn json(body: &impl Serialize) -> Zeroizing<Vec<u8>> {
    // Strings, numbers and booleans: cannot fail.
    Zeroizing::new(serde_json::to_vec(body).unwrap_or_default())
}

/// Reads `path` from the engine that is mounted there.
pub(crate) fn read(path: &str) -> Request {
    Request { method: RequestMethod::GET, path: path.to_owned(), body: None }
}

/// Writes `fields` to KV version 1.
pub(crate) fn write_v1(path: &str, fields: &SecretFields) -> Request {
    post(path, fields::encode(fields))
}

/// Writes `fields` to KV version 2, if the current version is `cas` (0: the secret never existed).
pub(crate) fn write_v2(mount: &str, path: &str, fields: &SecretFields, cas: Option<u64>) -> Request {
    let object = fields::encode(fields);
    let options = cas.map_or_else(String::new, |cas| format!(",\"options\":{{\"cas\":{cas}}}"));
    let mut body = Zeroizing::new(Vec::with_capacity(object.len() + options.len() + 16));
    body.extend_from_slice(b"{\"data\":");
    body.extend_from_slice(&object);
    body.extend_from_slice(options.as_bytes());
    body.push(b'}');
    post(format!("{mount}/data/{path}"), body)
}

/// Renews a lease by its own duration.
pub(crate) fn renew_lease(id: &str) -> Request {
    #[derive(Serialize)]
    struct Body<'a> {
        lease_id: &'a str,
    }
    post("sys/leases/renew", json(&Body { lease_id: id }))
}

/// Revokes a lease, and responds once it is revoked.
pub(crate) fn revoke_lease(id: &str) -> Request {
    #[derive(Serialize)]
    struct Body<'a> {
        lease_id: &'a str,
        sync: bool,
    }
    post("sys/leases/revoke", json(&Body { lease_id: id, sync: true }))
}

/// Logs in at `path` below `auth/` with these members of a JSON object, or with an empty body if there are none.
pub(crate) fn login(path: &str, members: &[(&str, &str)]) -> Request {
    let body = match members {
        [] => Zeroizing::new(Vec::new()),
        members => fields::object(members.iter().copied()),
    };
    post(format!("auth/{path}"), body)
}

/// Looks up the expiry and the remaining uses of a secret ID.
pub(crate) fn look_up_secret_id(mount: &str, role: &str, secret_id: &SecretString) -> Request {
    let body = fields::object([("secret_id", secret_id.expose_secret())].into_iter());
    post(format!("auth/{mount}/role/{role}/secret-id/lookup"), body)
}

/// Returns the capabilities of the login on each of `paths`.
pub(crate) fn capabilities(paths: &[&str]) -> Request {
    #[derive(Serialize)]
    struct Body<'a> {
        paths: &'a [&'a str],
    }
    post("sys/capabilities-self", json(&Body { paths }))
}

/// Returns the engine mounted at `mount`. The `vault` program sends the same request before it reads a secret.
pub(crate) fn mounted(mount: &str) -> Request {
    read(&format!("sys/internal/ui/mounts/{mount}"))
}
