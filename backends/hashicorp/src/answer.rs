//! What stands in an answer's body.
//!
//! Nothing here prints what `serde_json` has to say: it quotes the value that it stumbled over.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use cofferdam_vault::{FieldName, Lease, SecretFields, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// An answer's body is not what it must be.
#[derive(Debug)]
pub(crate) struct Garbage;

/// What every answer of Vault is wrapped in. Borrows from the body, so that no copy of a secret is made here.
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
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Garbage> {
        parse(body)
    }

    /// `data` as `T`.
    pub(crate) fn data<T: Deserialize<'a>>(&self) -> Result<T, Garbage> {
        parse(self.data.ok_or(Garbage)?.get().as_bytes())
    }

    /// The login in it.
    pub(crate) fn login(&self) -> Result<LoginAnswer, Garbage> {
        parse(self.auth.ok_or(Garbage)?.get().as_bytes())
    }

    /// The lease that the request created, where it did.
    pub(crate) fn lease(&self) -> Option<Lease> {
        (!self.lease_id.is_empty()).then(|| Lease {
            id: self.lease_id.clone().into_owned(),
            duration: Duration::from_secs(self.lease_duration),
            renewable: self.renewable,
        })
    }
}

/// Reads `T` from JSON.
pub(crate) fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Garbage> {
    serde_json::from_slice(json).map_err(|_| Garbage)
}

/// Reads `T` from the `data` of a body.
pub(crate) fn data<T: DeserializeOwned>(body: &[u8]) -> Result<T, Garbage> {
    Envelope::parse(body)?.data()
}

/// What a login or a renewal answers.
#[derive(Deserialize)]
pub(crate) struct LoginAnswer {
    pub(crate) client_token: SecretText,
    /// In seconds; 0 where the token never ends.
    pub(crate) lease_duration: u64,
    #[serde(default)]
    pub(crate) renewable: bool,
}

/// What `auth/token/lookup-self` answers.
#[derive(Deserialize)]
pub(crate) struct TokenAnswer {
    /// In seconds, from now; 0 where the token never ends.
    pub(crate) ttl: u64,
    #[serde(default)]
    pub(crate) renewable: bool,
    /// How many more requests it is good for; 0 where they are not counted.
    #[serde(default)]
    pub(crate) num_uses: u64,
}

/// Text that goes into a [`SecretString`] without a stop.
pub(crate) struct SecretText(pub(crate) SecretString);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = SecretText;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<SecretText, E> {
                Ok(SecretText(text.into()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A secret's fields as they stand in JSON.
pub(crate) type RawFields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// The fields that can have a [`FieldName`]: a text is itself, `null` is no field, and any other value is its JSON.
pub(crate) fn fields(raw: &RawFields<'_>) -> Result<SecretFields, Garbage> {
    let mut fields = SecretFields::new();
    for (name, value) in raw {
        let Ok(name) = name.parse::<FieldName>() else { continue };
        let value = value.get();
        let text = match value.as_bytes().first() {
            Some(b'"') => parse::<SecretText>(value.as_bytes())?.0,
            Some(b'n') => continue,
            _ => value.into(),
        };
        fields.insert(name, text);
    }
    Ok(fields)
}

/// `fields` as a JSON object, in one buffer that never grows.
pub(crate) fn object(fields: &SecretFields) -> Zeroizing<Vec<u8>> {
    use cofferdam_vault::ExposeSecret as _;
    // No character takes more than six bytes in JSON (`\u001f`); quotes, colon and comma are five.
    let length = |text: &str| 6 * text.len() + 5;
    let capacity: usize =
        fields.iter().map(|(name, value)| length(name.as_str()) + length(value.expose_secret())).sum();
    let mut json = Zeroizing::new(Vec::with_capacity(capacity + 2));
    json.push(b'{');
    for (number, (name, value)) in fields.iter().enumerate() {
        if number > 0 {
            json.push(b',');
        }
        // Writing to a buffer cannot fail.
        let _ = serde_json::to_writer(&mut *json, name.as_str());
        json.push(b':');
        let _ = serde_json::to_writer(&mut *json, value.expose_secret());
    }
    json.push(b'}');
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_vault::ExposeSecret as _;

    #[test]
    fn a_field_that_is_no_text_is_its_json() {
        let json = br#"{"a":"te\"xt","b":1.50,"c":true,"d":null,"e":{"x": [1]},"no name":"x","":"y"}"#;
        let fields = fields(&parse(json).unwrap()).unwrap();
        let texts: Vec<_> = fields.iter().map(|(name, text)| (name.as_str(), text.expose_secret())).collect();
        assert_eq!(texts, [("a", "te\"xt"), ("b", "1.50"), ("c", "true"), ("e", "{\"x\": [1]}")]);
    }

    #[test]
    fn what_is_written_is_what_is_read_and_the_buffer_never_grows() {
        let written = cofferdam_vault::testkit::fields([("a", "\u{1}\u{1f}\"\\\n🔑"), ("b", ""), ("c", "é")]);
        let json = object(&written);
        let capacity = json.capacity();
        let length = |text: &str| 6 * text.len() + 5;
        let wanted: usize =
            written.iter().map(|(name, value)| length(name.as_str()) + length(value.expose_secret())).sum();
        assert_eq!(capacity, wanted + 2);
        let read = fields(&parse(&json).unwrap()).unwrap();
        assert!(
            read.iter()
                .map(|(n, v)| (n, v.expose_secret()))
                .eq(written.iter().map(|(n, v)| (n, v.expose_secret())))
        );
    }

    #[test]
    fn a_lease_is_there_where_it_has_an_id() {
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
