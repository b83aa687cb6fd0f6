//! Which headers a manifest may set, and which values a header can carry.

use http::{HeaderName, HeaderValue};

use crate::broker::CredentialSpec;

/// Headers that only the connector and the transport set: they define the target, the framing and the client.
const RESERVED: [&str; 13] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Headers that cannot carry a credential: they define the target and the framing.
const NO_CREDENTIAL: [&str; 9] = [
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Parses the name of a header that a manifest sets.
///
/// # Errors
///
/// Why a manifest may not set it, as a sentence without its subject.
pub(super) fn for_manifest(name: &str, credential: &CredentialSpec) -> Result<HeaderName, &'static str> {
    let header = parse(name)?;
    if RESERVED.contains(&header.as_str()) || header.as_str().starts_with("proxy-") {
        return Err("is set by the connector");
    }
    if let CredentialSpec::Header { headers } = credential
        && headers.keys().any(|own| own.eq_ignore_ascii_case(name))
    {
        return Err("carries the credential");
    }
    Ok(header)
}

/// Parses the name of a header that carries a credential.
///
/// # Errors
///
/// Why it cannot, as a sentence without its subject.
pub(super) fn for_credential(name: &str) -> Result<HeaderName, &'static str> {
    let header = parse(name)?;
    if NO_CREDENTIAL.contains(&header.as_str()) || header.as_str().starts_with("proxy-") {
        return Err("cannot carry a credential");
    }
    Ok(header)
}

/// The header value of `text`. Returns `None` unless it is visible ASCII and spaces, without a space at either end.
pub(super) fn value(text: &str) -> Option<HeaderValue> {
    let fits = text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && text.trim() == text;
    HeaderValue::from_str(text).ok().filter(|_| fits)
}

fn parse(name: &str) -> Result<HeaderName, &'static str> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| "is not a valid header name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer() -> CredentialSpec {
        serde_json::from_value(serde_json::json!({ "kind": "bearer" })).unwrap()
    }

    #[test]
    fn a_manifest_sets_no_target_framing_or_credential() {
        for name in
            ["Host", "authorization", "COOKIE", "Content-Length", "transfer-encoding", "Proxy-Anything"]
        {
            assert!(for_manifest(name, &bearer()).is_err(), "{name}");
        }
        assert!(for_manifest("X-Request-Id", &bearer()).is_ok());
    }

    #[test]
    fn the_credentials_own_header_is_its_alone() {
        let spec: CredentialSpec = serde_json::from_value(
            serde_json::json!({ "kind": "header", "headers": { "X-Api-Key": "{token}" } }),
        )
        .unwrap();
        assert!(for_manifest("x-api-key", &spec).is_err());
        assert!(for_manifest("x-api-version", &spec).is_ok());
    }

    #[test]
    fn a_credential_may_be_in_cookie_but_not_in_host() {
        assert!(for_credential("cookie").is_ok());
        assert!(for_credential("private-token").is_ok());
        for name in ["host", "content-length", "proxy-authorization", "bad name"] {
            assert!(for_credential(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_value_contains_no_line_break() {
        assert!(value("abc def").is_some());
        for bad in ["a\r\nb", "a\nb", "a\0b", "a\tb", "\u{e9}", " a", "a "] {
            assert!(value(bad).is_none(), "{bad:?}");
        }
    }
}
