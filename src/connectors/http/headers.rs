//! Which headers a manifest may set, and which values a header can carry.

use http::{HeaderName, HeaderValue};

use crate::broker::CredentialSpec;

/// Headers that only the connector and the transport set: where the request goes, how it is framed, who asks.
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

/// Headers that a credential may not fill: they say where the request goes and how it is framed.
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

/// The header that a manifest may set under this name.
///
/// # Errors
///
/// Why it may not.
pub(super) fn settable(name: &str, credential: &CredentialSpec) -> Result<HeaderName, String> {
    let header = parse(name)?;
    if RESERVED.contains(&header.as_str()) || header.as_str().starts_with("proxy-") {
        return Err(format!("`{name}` is set by the connector alone"));
    }
    if let CredentialSpec::Header { headers } = credential
        && headers.keys().any(|own| own.eq_ignore_ascii_case(name))
    {
        return Err(format!("`{name}` carries the credential"));
    }
    Ok(header)
}

/// The header that a credential may fill under this name.
///
/// # Errors
///
/// Why it may not.
pub(super) fn fillable(name: &str) -> Result<HeaderName, String> {
    let header = parse(name)?;
    if NO_CREDENTIAL.contains(&header.as_str()) || header.as_str().starts_with("proxy-") {
        return Err(format!("`{name}` cannot carry a credential"));
    }
    Ok(header)
}

/// A value that a header can carry: visible ASCII and spaces, with no space at either end.
pub(super) fn value(text: &str) -> Option<HeaderValue> {
    let fits = text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && text.trim() == text;
    HeaderValue::from_str(text).ok().filter(|_| fits)
}

fn parse(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no header's name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer() -> CredentialSpec {
        serde_json::from_value(serde_json::json!({ "kind": "bearer" })).unwrap()
    }

    #[test]
    fn no_manifest_sets_the_place_the_framing_or_the_credential() {
        for name in
            ["Host", "authorization", "COOKIE", "Content-Length", "transfer-encoding", "Proxy-Anything"]
        {
            assert!(settable(name, &bearer()).is_err(), "{name}");
        }
        assert!(settable("X-Request-Id", &bearer()).is_ok());
    }

    #[test]
    fn the_credentials_own_header_is_its_alone() {
        let spec: CredentialSpec = serde_json::from_value(
            serde_json::json!({ "kind": "header", "headers": { "X-Api-Key": "{token}" } }),
        )
        .unwrap();
        assert!(settable("x-api-key", &spec).is_err());
        assert!(settable("x-api-version", &spec).is_ok());
    }

    #[test]
    fn a_credential_may_fill_cookie_and_not_host() {
        assert!(fillable("cookie").is_ok());
        assert!(fillable("private-token").is_ok());
        for name in ["host", "content-length", "proxy-authorization", "bad name"] {
            assert!(fillable(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_value_breaks_no_line() {
        assert!(value("abc def").is_some());
        for bad in ["a\r\nb", "a\nb", "a\0b", "a\tb", "\u{e9}", " a", "a "] {
            assert!(value(bad).is_none(), "{bad:?}");
        }
    }
}
