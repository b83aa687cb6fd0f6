//! The endpoints that `vaultrs` does not have, or has only with secrets in a tree of plain strings.

use cofferdam_vault::SecretFields;
use rustify::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::answer;

/// A request with a path below `/v1/` and a body that is wiped.
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
    // Texts and numbers: cannot fail.
    Zeroizing::new(serde_json::to_vec(body).unwrap_or_default())
}

/// Reads `place` from whatever engine is mounted there.
pub(crate) fn read(place: &str) -> Request {
    Request { method: RequestMethod::GET, path: place.to_owned(), body: None }
}

/// Writes `fields` to KV v1.
pub(crate) fn write_v1(place: &str, fields: &SecretFields) -> Request {
    post(place, answer::object(fields))
}

/// Writes `fields` to KV v2, if the current version is `cas` (0: none has ever been).
pub(crate) fn write_v2(mount: &str, at: &str, fields: &SecretFields, cas: Option<u64>) -> Request {
    let object = answer::object(fields);
    let options = cas.map_or_else(String::new, |cas| format!(",\"options\":{{\"cas\":{cas}}}"));
    let mut body = Zeroizing::new(Vec::with_capacity(object.len() + options.len() + 16));
    body.extend_from_slice(b"{\"data\":");
    body.extend_from_slice(&object);
    body.extend_from_slice(options.as_bytes());
    body.push(b'}');
    post(format!("{mount}/data/{at}"), body)
}

/// Lengthens a lease by its own duration.
pub(crate) fn renew_lease(id: &str) -> Request {
    #[derive(Serialize)]
    struct Body<'a> {
        lease_id: &'a str,
    }
    post("sys/leases/renew", json(&Body { lease_id: id }))
}

/// Ends a lease, and answers when it has ended.
pub(crate) fn revoke_lease(id: &str) -> Request {
    #[derive(Serialize)]
    struct Body<'a> {
        lease_id: &'a str,
        sync: bool,
    }
    post("sys/leases/revoke", json(&Body { lease_id: id, sync: true }))
}

/// A login at `mount` that says nothing but what the connection says.
pub(crate) fn login_without_body(mount: &str) -> Request {
    post(format!("auth/{mount}/login"), Zeroizing::new(Vec::new()))
}

/// What our login may do at each of `places`.
pub(crate) fn capabilities(places: &[&str]) -> Request {
    #[derive(Serialize)]
    struct Body<'a> {
        paths: &'a [&'a str],
    }
    post("sys/capabilities-self", json(&Body { paths: places }))
}

/// What is mounted at `mount`: the question that the `vault` program asks before it reads a secret.
pub(crate) fn mounted(mount: &str) -> Request {
    read(&format!("sys/internal/ui/mounts/{mount}"))
}
