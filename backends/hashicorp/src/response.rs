//! What the JSON body of a response holds.

use std::borrow::Cow;
use std::time::Duration;

use cofferdam_vault::http::{InvalidBody, parse};
use cofferdam_vault::{JsonSecret, Lease};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The envelope of every response. Borrows from the body, so that it makes no copy of a secret.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    auth: Option<&'a RawValue>,
    #[serde(borrow, default)]
    lease_id: Cow<'a, str>,
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
}

impl<'a> Envelope<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, InvalidBody> {
        parse(body)
    }

    /// The `data` of the response as `T`.
    pub(crate) fn data<T: Deserialize<'a>>(&self) -> Result<T, InvalidBody> {
        parse(self.data.ok_or(InvalidBody)?.get().as_bytes())
    }

    /// The token that a login or a renewal returned.
    pub(crate) fn auth(&self) -> Result<AuthBody, InvalidBody> {
        parse(self.auth.ok_or(InvalidBody)?.get().as_bytes())
    }

    /// The lease that the request created, if it created one.
    pub(crate) fn lease(&self) -> Option<Lease> {
        (!self.lease_id.is_empty()).then(|| Lease {
            id: self.lease_id.clone().into_owned(),
            duration: Duration::from_secs(self.lease_duration),
            renewable: self.renewable,
        })
    }
}

/// Parses `T` from the `data` of a body.
pub(crate) fn data<T: DeserializeOwned>(body: &[u8]) -> Result<T, InvalidBody> {
    Envelope::parse(body)?.data()
}

/// The `auth` of a login or a renewal.
#[derive(Deserialize)]
pub(crate) struct AuthBody {
    pub(crate) client_token: JsonSecret,
    /// In seconds; 0 if the token never expires.
    pub(crate) lease_duration: u64,
    #[serde(default)]
    pub(crate) renewable: bool,
}

/// The `data` of `auth/token/lookup-self`.
#[derive(Deserialize)]
pub(crate) struct TokenLookup {
    /// In seconds, from now; 0 if the token never expires.
    pub(crate) ttl: u64,
    #[serde(default)]
    pub(crate) renewable: bool,
    /// Number of requests left; 0 if it is not limited.
    #[serde(default)]
    pub(crate) num_uses: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_with_a_lease_id_holds_a_lease() {
        let body =
            br#"{"lease_id":"database/creds/ro/x","lease_duration":10,"renewable":true,"data":{"a":"b"}}"#;
        let lease = Envelope::parse(body).unwrap().lease().unwrap();
        assert_eq!((lease.duration, lease.renewable), (Duration::from_secs(10), true));
        assert!(
            Envelope::parse(br#"{"lease_id":"","lease_duration":2764800,"data":{}}"#)
                .unwrap()
                .lease()
                .is_none()
        );
        assert!(Envelope::parse(b"<html>").is_err());
    }
}
