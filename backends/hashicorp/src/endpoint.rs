//! The requests of Vault's HTTP API that this backend sends: method, path and body.
//!
//! Source: <https://developer.hashicorp.com/vault/api-docs>.

use cofferdam_vault::http::{Method, Request};
use cofferdam_vault::{ExposeSecret as _, SecretFields, SecretString};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::fields;

/// Maximum size of a listing. One of 100,000 names is smaller. No call of a module needs one.
const MAX_LIST_BYTES: usize = 16 * 1024 * 1024;

/// A request for `path` below `/v1/`. Vault stores no secret larger than 1 MiB, so the default limit of a response is enough.
fn bare(method: Method, path: impl AsRef<str>) -> Request {
    Request::new(method, format!("v1/{}", path.as_ref()))
}

fn post(path: impl AsRef<str>, body: Zeroizing<Vec<u8>>) -> Request {
    Request { body, ..bare(Method::POST, path) }
}

fn json(body: &impl Serialize) -> Zeroizing<Vec<u8>> {
    // Strings, numbers and booleans: cannot fail.
    Zeroizing::new(serde_json::to_vec(body).unwrap_or_default())
}

/// Returns the health of the server. Needs no token.
pub(crate) fn health() -> Request {
    bare(Method::GET, "sys/health")
}

/// Looks up the token that sends this.
pub(crate) fn look_up_token() -> Request {
    bare(Method::GET, "auth/token/lookup-self")
}

/// Renews the token that sends this by its own period.
pub(crate) fn renew_token() -> Request {
    bare(Method::POST, "auth/token/renew-self")
}

/// Revokes the token that sends this, with its leases.
pub(crate) fn revoke_token() -> Request {
    bare(Method::POST, "auth/token/revoke-self")
}

/// Returns what the wrapping token that sends this wraps, once.
pub(crate) fn unwrap() -> Request {
    bare(Method::POST, "sys/wrapping/unwrap")
}

/// Reads `path` from the engine that is mounted there.
pub(crate) fn read(path: &str) -> Request {
    bare(Method::GET, path)
}

/// Lists the names below `path`.
///
/// Vault takes this for its own method `LIST`, which not every proxy passes on.
pub(crate) fn list(path: &str) -> Request {
    bare(Method::GET, path).with_parameter("list", "true").with_max_bytes(MAX_LIST_BYTES)
}

/// Deletes `path` from KV version 1.
pub(crate) fn delete_v1(path: &str) -> Request {
    bare(Method::DELETE, path)
}

/// Reads a version of a secret from KV version 2, the current one if `version` is `None`.
pub(crate) fn read_v2(mount: &str, path: &str, version: Option<u64>) -> Request {
    let query = version.map(|version| format!("version={version}"));
    Request { query, ..bare(Method::GET, format!("{mount}/data/{path}")) }
}

/// Marks the current version as deleted in KV version 2.
pub(crate) fn delete_latest_v2(mount: &str, path: &str) -> Request {
    bare(Method::DELETE, format!("{mount}/data/{path}"))
}

/// Marks `version` as deleted in KV version 2.
pub(crate) fn delete_v2(mount: &str, path: &str, version: u64) -> Request {
    post(format!("{mount}/delete/{path}"), json(&Versions { versions: [version] }))
}

/// Takes a deletion of `version` back in KV version 2.
pub(crate) fn undelete_v2(mount: &str, path: &str, version: u64) -> Request {
    post(format!("{mount}/undelete/{path}"), json(&Versions { versions: [version] }))
}

#[derive(Serialize)]
struct Versions {
    versions: [u64; 1],
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
