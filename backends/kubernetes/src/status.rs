//! Turns the responses of the API server into [`VaultError`]s. No other file does so.
//!
//! Statuses and the field `reason` decide, never messages. The server's own messages are not passed on, because they may quote
//! requests.

use cofferdam_vault::http::{Response, StatusCode, from_status, malformed};
use cofferdam_vault::{ErrorKind, VaultError};
use serde::Deserialize;

/// What the API server returns instead of an object, with its kind `Status`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    #[serde(rename = "kind")]
    _kind: Kind,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    code: u16,
    details: Option<Details>,
    metadata: Option<ListMetadata>,
}

/// The kind of a [`Status`]; any other object is refused.
#[derive(Debug, Deserialize)]
enum Kind {
    Status,
}

#[derive(Debug, Deserialize)]
struct Details {
    #[serde(default)]
    causes: Vec<Cause>,
}

#[derive(Debug, Deserialize)]
struct Cause {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    field: String,
}

#[derive(Debug, Deserialize)]
struct ListMetadata {
    #[serde(default, rename = "continue")]
    continues: String,
}

/// A response that is about the request: its object, or why the server refuses.
pub(crate) type Answer = Result<Response, Status>;

/// Separates what is about the request from what is about the server at `location`. `to` names the request.
///
/// # Errors
///
/// With scope vault: those of [`from_status`], and `Malformed` for what is not from an API server.
pub(crate) fn answer(location: &str, to: &str, response: Response) -> Result<Answer, VaultError> {
    if response.status.is_success() {
        return Ok(Ok(response));
    }
    if let Some(error) = from_status(location, &response) {
        return Err(error);
    }
    let status = response.json::<Status>().ok().filter(|status| status.code == response.status.as_u16());
    status.map(Err).ok_or_else(|| unexpected(location, to))
}

/// The error of a response to `to` that no API server sends.
pub(crate) fn unexpected(location: &str, to: &str) -> VaultError {
    malformed(location, to, "a Kubernetes API server")
}

impl Status {
    fn is(&self, code: StatusCode, reason: &str) -> bool {
        self.code == code.as_u16() && self.reason == reason
    }

    /// Whether there is no such object.
    pub(crate) fn is_not_found(&self) -> bool {
        self.is(StatusCode::NOT_FOUND, "NotFound")
    }

    /// Whether the login is accepted and does not allow the request.
    pub(crate) fn is_forbidden(&self) -> bool {
        self.is(StatusCode::FORBIDDEN, "Forbidden")
    }

    /// Whether the object has another state than the request expects.
    pub(crate) fn is_conflict(&self) -> bool {
        self.is(StatusCode::CONFLICT, "Conflict") || self.is(StatusCode::CONFLICT, "AlreadyExists")
    }

    /// Whether the version from which to watch or to list is no longer there.
    pub(crate) fn is_expired(&self) -> bool {
        self.code == StatusCode::GONE.as_u16()
    }

    /// Where a listing that has expired goes on, as the newest state is.
    pub(crate) fn continues(&self) -> Option<&str> {
        self.metadata.as_ref().map(|metadata| metadata.continues.as_str()).filter(|token| !token.is_empty())
    }

    /// Whether a cause is that `data` is invalid in this way.
    fn has_cause(&self, reason: &str) -> bool {
        let causes = self.details.iter().flat_map(|details| &details.causes);
        causes.into_iter().any(|cause| cause.reason == reason && cause.field.starts_with("data"))
    }

    /// The error of the secret `at`, such as `Secret mcp/github.work`. `to` names the request, which takes the permission
    /// `verb`.
    pub(crate) fn into_error(self, location: &str, at: &str, to: &str, verb: &str) -> VaultError {
        let error = |kind, why: String| VaultError::secret(kind, format!("{at} {why}"));
        match self.code {
            403 if self.is_forbidden() => {
                error(ErrorKind::Denied, format!("is denied (403); allow the login to `{verb}` it"))
            }
            404 if self.is_not_found() => error(ErrorKind::NotFound, "does not exist; create it".to_owned()),
            409 if self.is_conflict() => error(
                ErrorKind::Conflict,
                "was changed by another writer; read it again, then retry".to_owned(),
            ),
            413 => too_large(at),
            422 if self.has_cause("FieldValueTooLong") => too_large(at),
            422 if self.has_cause("FieldValueForbidden") => {
                error(ErrorKind::ReadOnly, "is immutable; delete it, then write it again".to_owned())
            }
            400 | 422 => error(
                ErrorKind::Unsupported,
                format!("is refused as invalid ({}); check the policies of the cluster", self.code),
            ),
            _ => unexpected(location, to),
        }
    }

    /// The error of an event in a watch, with scope vault.
    pub(crate) fn into_watch_error(self, location: &str) -> VaultError {
        let error = |kind, why: &str| VaultError::vault(kind, format!("{location} {why} ({})", self.code));
        match self.code {
            401 => error(ErrorKind::Unauthenticated, "no longer accepts the login"),
            429 => error(ErrorKind::Throttled, "rate-limits this server"),
            410 | 500..=599 => error(ErrorKind::Unavailable, "ended the watch"),
            _ => unexpected(location, "a watch"),
        }
    }
}

/// The error of a write of more than a Secret holds.
pub(crate) fn too_large(at: &str) -> VaultError {
    let why = "is too large: a Secret holds at most 1 MiB; store less in it, or use another vault for it";
    VaultError::secret(ErrorKind::Unsupported, format!("{at} {why}"))
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::Scope;

    use super::*;

    fn kind(status: u16, body: &str) -> (ErrorKind, Scope) {
        let status = StatusCode::from_u16(status).unwrap();
        let response = Response {
            status,
            retry_after: None,
            body: body.replace("CODE", status.as_str()).into_bytes().into(),
        };
        let error = match answer("https://server", "a write", response) {
            Ok(Ok(_)) => panic!("{status} is an error"),
            Ok(Err(refused)) => refused.into_error("https://server", "Secret mcp/a", "a write", "patch"),
            Err(error) => error,
        };
        assert!(!error.message().contains("canary"), "{error}");
        (error.kind(), error.scope())
    }

    fn refused(status: u16, reason: &str, cause: &str) -> (ErrorKind, Scope) {
        let causes = format!(r#"[{{"reason":"{cause}","field":"data","message":"canary"}}]"#);
        let details = format!(r#""details":{{"name":"canary","causes":{causes}}}"#);
        kind(
            status,
            &format!(
                r#"{{"kind":"Status","apiVersion":"v1","metadata":{{}},"message":"canary","reason":"{reason}",{details},"code":CODE}}"#
            ),
        )
    }

    #[test]
    fn statuses_and_reasons_decide() {
        use ErrorKind as K;
        for (status, reason, cause, expected) in [
            (403, "Forbidden", "", (K::Denied, Scope::Secret)),
            (404, "NotFound", "", (K::NotFound, Scope::Secret)),
            (404, "", "", (K::Malformed, Scope::Vault)),
            (409, "Conflict", "", (K::Conflict, Scope::Secret)),
            (409, "AlreadyExists", "", (K::Conflict, Scope::Secret)),
            (413, "RequestEntityTooLarge", "", (K::Unsupported, Scope::Secret)),
            (422, "Invalid", "FieldValueTooLong", (K::Unsupported, Scope::Secret)),
            (422, "Invalid", "FieldValueForbidden", (K::ReadOnly, Scope::Secret)),
            (422, "Invalid", "FieldValueInvalid", (K::Unsupported, Scope::Secret)),
            (429, "TooManyRequests", "", (K::Throttled, Scope::Vault)),
            (500, "InternalError", "", (K::Unavailable, Scope::Vault)),
            (503, "ServiceUnavailable", "", (K::Unavailable, Scope::Vault)),
            (504, "Timeout", "", (K::Unavailable, Scope::Vault)),
            (302, "", "", (K::Misconfigured, Scope::Vault)),
            (418, "NotFound", "", (K::Malformed, Scope::Vault)),
        ] {
            assert_eq!(refused(status, reason, cause), expected, "{status} {reason} {cause}");
        }
    }

    #[test]
    fn a_response_of_another_server_is_not_an_absent_secret() {
        for body in ["", "404 page not found", "{}", r#"{"kind":"Status","reason":"NotFound","code":403}"#] {
            assert_eq!(kind(404, body), (ErrorKind::Malformed, Scope::Vault), "{body}");
        }
    }
}
