//! Writing and deleting.
//!
//! A Secret that exists is changed by a JSON Patch that replaces `data` and leaves everything else as others made it: type,
//! labels, owners. It names the `resourceVersion` that was read before, so the API server refuses it if anyone wrote in
//! between.

use std::fmt::Write as _;

use cofferdam_vault::{ErrorKind, Expect, ExposeSecret as _, SecretFields, SecretPath, VaultError, Version};
use serde_json::json;
use zeroize::Zeroizing;

use crate::api::{Api, Name};
use crate::names;
use crate::object::{self, Metadata, PATH_ANNOTATION, WRITE_LABEL};
use crate::status::{self, Answer};

/// Maximum size of all values of a Secret.
const MAX_BYTES: usize = 1024 * 1024;

/// How often a write that expects nothing meets another writer before it reports the conflict. Each time, the other one has
/// written.
const MAX_ATTEMPTS: u32 = 5;

/// Writes `fields` to the Secret of `path` if `expect` holds, and returns the new version.
///
/// # Errors
///
/// See [`Vault::write`](cofferdam_vault::Vault::write).
pub(crate) async fn write(
    api: &Api<'_>,
    path: &SecretPath,
    fields: &SecretFields,
    expect: Expect,
) -> Result<Version, VaultError> {
    let name = Name::new(path);
    if fields.values().map(|value| value.expose_secret().len()).sum::<usize>() > MAX_BYTES {
        // Of a much larger request, the API server reads a part and closes the connection.
        return Err(status::too_large(&api.title(&name)));
    }
    let mut attempt = 1;
    loop {
        let found = match &expect {
            Expect::Absent => None,
            Expect::Any | Expect::Version(_) => metadata(api, &name).await?,
        };
        let result = match (&found, &expect) {
            (Some(found), _) if found.is_being_deleted() => Err(being_deleted(api, &name)),
            (Some(found), Expect::Version(version)) if found.version() != *version => {
                Err(conflict(api, &name))
            }
            (None, Expect::Version(_)) => Err(conflict(api, &name)),
            (Some(found), _) => patch(api, &name, fields, found).await,
            (None, _) => create(api, &name, path, fields).await,
        };
        match (result, &expect) {
            (Err(Failure::OtherWriter(_)), Expect::Any) if attempt < MAX_ATTEMPTS => attempt += 1,
            (result, _) => return result.map_err(VaultError::from),
        }
    }
}

/// Why a write failed.
enum Failure {
    /// Someone else wrote since the state was read.
    OtherWriter(VaultError),
    Other(VaultError),
}

impl From<Failure> for VaultError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::OtherWriter(error) | Failure::Other(error) => error,
        }
    }
}

/// Deletes the Secret of `path` if `expect` holds.
///
/// # Errors
///
/// See [`Vault::delete`](cofferdam_vault::Vault::delete).
pub(crate) async fn delete(api: &Api<'_>, path: &SecretPath, expect: Expect) -> Result<(), VaultError> {
    let name = Name::new(path);
    let preconditions = match &expect {
        Expect::Any => json!({}),
        Expect::Absent => {
            return match metadata(api, &name).await? {
                Some(found) if !found.is_being_deleted() => Err(conflict(api, &name).into()),
                _ => Ok(()),
            };
        }
        Expect::Version(version) => match version.as_str().split_once('.') {
            Some((uid, version)) => json!({ "uid": uid, "resourceVersion": version }),
            None => return Err(conflict(api, &name).into()),
        },
    };
    let options = json!({ "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions });
    match api.delete(&name, options.to_string().into_bytes().into()).await? {
        Ok(_) => Ok(()),
        Err(status) if status.is_not_found() && expect == Expect::Any => Ok(()),
        Err(status) if status.is_not_found() => Err(conflict(api, &name).into()),
        Err(status) => Err(api.refused(status, &name, "a delete", "delete")),
    }
}

/// The metadata of a Secret; `None` if there is none.
async fn metadata(api: &Api<'_>, name: &Name) -> Result<Option<Metadata>, VaultError> {
    match api.read_metadata(name).await? {
        Ok(response) => match object::partial(&response) {
            Some(found) => Ok(Some(found.metadata)),
            None => Err(api.unexpected("a read")),
        },
        Err(status) if status.is_not_found() => Ok(None),
        Err(status) => Err(api.refused(status, name, "a read", "get")),
    }
}

async fn create(
    api: &Api<'_>,
    name: &Name,
    path: &SecretPath,
    fields: &SecretFields,
) -> Result<Version, Failure> {
    let annotations = match names::is_hashed(&name.0) {
        true => json!({ PATH_ANNOTATION: path.as_str() }),
        false => json!({}),
    };
    let metadata = json!({ "name": name.0, "labels": { WRITE_LABEL: unique() }, "annotations": annotations });
    let head = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"type\":\"Opaque\",\"metadata\":{metadata},\"data\":"
    );
    let answer = api.create(body(&head, fields, "}")).await.map_err(Failure::Other)?;
    written(api, name, answer, "create")
}

async fn patch(
    api: &Api<'_>,
    name: &Name,
    fields: &SecretFields,
    found: &Metadata,
) -> Result<Version, Failure> {
    let label = match found.has_labels() {
        true => {
            let key = WRITE_LABEL.replace('/', "~1");
            json!({ "op": "add", "path": format!("/metadata/labels/{key}"), "value": unique() })
        }
        false => json!({ "op": "add", "path": "/metadata/labels", "value": { WRITE_LABEL: unique() } }),
    };
    let version =
        json!({ "op": "add", "path": "/metadata/resourceVersion", "value": found.resource_version });
    let head = format!("[{version},{label},{{\"op\":\"add\",\"path\":\"/data\",\"value\":");
    let answer = api.patch(name, body(&head, fields, "}]")).await.map_err(Failure::Other)?;
    match answer {
        // It was deleted since it was read.
        Err(status) if status.is_not_found() => Err(conflict(api, name)),
        answer => written(api, name, answer, "patch"),
    }
}

fn written(api: &Api<'_>, name: &Name, answer: Answer, verb: &str) -> Result<Version, Failure> {
    match answer {
        Ok(response) => match object::partial(&response) {
            Some(written) => Ok(written.metadata.version()),
            None => Err(Failure::Other(api.unexpected("a write"))),
        },
        Err(status) if status.is_conflict() => {
            Err(Failure::OtherWriter(api.refused(status, name, "a write", verb)))
        }
        Err(status) => Err(Failure::Other(api.refused(status, name, "a write", verb))),
    }
}

/// `head`, the JSON of `fields`, `tail`. Allocated once, so that no copy stays behind.
fn body(head: &str, fields: &SecretFields, tail: &str) -> Zeroizing<Vec<u8>> {
    let data = object::data(fields);
    let mut body = Zeroizing::new(Vec::with_capacity(head.len() + data.len() + tail.len()));
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(data.as_bytes());
    body.extend_from_slice(tail.as_bytes());
    body
}

/// A value that no other write has.
fn unique() -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write!(text, "{:032x}", fastrand::u128(..));
    text
}

fn conflict(api: &Api<'_>, name: &Name) -> Failure {
    let message = format!("{} was changed by another writer; read it again, then retry", api.title(name));
    Failure::OtherWriter(VaultError::secret(ErrorKind::Conflict, message))
}

/// The error of a Secret that is being deleted. What is written to it would go away with it.
fn being_deleted(api: &Api<'_>, name: &Name) -> Failure {
    let message = format!(
        "{} is being deleted, and has finalizers; wait until it is gone, then write it again",
        api.title(name)
    );
    Failure::Other(VaultError::secret(ErrorKind::Conflict, message))
}
