//! A secret as the value of a header.

use bytes::Bytes;
use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::{ErrorKind, VaultError};

/// The value of a header that logs in. Its text is wiped when the last clone is dropped, and `Debug` does not print it.
#[derive(Clone, Debug)]
pub struct SecretHeader(HeaderValue);

impl SecretHeader {
    /// The header value `prefix` followed by `secret`: `"Bearer "` and a token, or `""` and a token.
    ///
    /// # Errors
    ///
    /// `Malformed` (vault) if an HTTP header cannot hold it.
    pub fn new(prefix: &str, secret: &SecretString) -> Result<Self, VaultError> {
        let secret = secret.expose_secret();
        let mut text = Zeroizing::new(Vec::with_capacity(prefix.len() + secret.len()));
        text.extend_from_slice(prefix.as_bytes());
        text.extend_from_slice(secret.as_bytes());
        let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(text)).map_err(|_| {
            VaultError::vault(
                ErrorKind::Malformed,
                "the token contains characters that an HTTP header cannot hold; log in again",
            )
        })?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// The value, for a request. It is marked as sensitive.
    pub fn value(&self) -> HeaderValue {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_sent_as_it_is_and_never_printed() {
        let header = SecretHeader::new("Bearer ", &"canary".into()).unwrap();
        assert_eq!(header.value().as_bytes(), b"Bearer canary");
        assert!(header.value().is_sensitive());
        assert!(!format!("{header:?} {:?}", header.value()).contains("canary"));
        let error = SecretHeader::new("", &"canary\n".into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert!(!format!("{error:?}").contains("canary"));
    }
}
