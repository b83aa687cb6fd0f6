//! The fields of a secret as JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use cofferdam_vault::{ExposeSecret as _, FieldName, SecretFields};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::response::{InvalidBody, JsonSecret, parse};

/// Maximum number of fields of a secret. As a map they take many times as much memory as in the response.
const MAX_FIELDS: usize = 10_000;

/// The members of a JSON object whose values are not parsed yet, at most [`MAX_FIELDS`].
pub(crate) struct RawFields<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for RawFields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = RawFields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<RawFields<'de>, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((name, value)) = members.next_entry()? {
                    fields.insert(name, value);
                    if fields.len() > MAX_FIELDS {
                        return Err(A::Error::custom("too many fields"));
                    }
                }
                Ok(RawFields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// Decodes the members whose name is a valid [`FieldName`]. A string is its content, `null` is left out, and any other
/// value is its JSON text.
pub(crate) fn decode(raw: &RawFields<'_>) -> Result<SecretFields, InvalidBody> {
    let mut fields = SecretFields::new();
    for (name, value) in &raw.0 {
        let Ok(name) = name.parse::<FieldName>() else { continue };
        let value = value.get();
        let text = match value.as_bytes().first() {
            Some(b'"') => parse::<JsonSecret>(value.as_bytes())?.0,
            Some(b'n') => continue,
            _ => value.into(),
        };
        fields.insert(name, text);
    }
    Ok(fields)
}

/// Encodes `fields` as a JSON object.
pub(crate) fn encode(fields: &SecretFields) -> Zeroizing<Vec<u8>> {
    object(fields.iter().map(|(name, value)| (name.as_str(), value.expose_secret())))
}

/// A JSON object of string members, in one buffer that never grows: a buffer that grows leaves a copy behind.
pub(crate) fn object<'a>(members: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Zeroizing<Vec<u8>> {
    // No character takes more than six bytes in JSON (`\u001f`). Quotes, colon and comma take five.
    let length = |text: &str| 6 * text.len() + 5;
    let capacity: usize = members.clone().map(|(name, value)| length(name) + length(value)).sum();
    let mut json = Zeroizing::new(Vec::with_capacity(capacity + 2));
    json.push(b'{');
    for (index, (name, value)) in members.enumerate() {
        if index > 0 {
            json.push(b',');
        }
        // Writing to a buffer cannot fail.
        let _ = serde_json::to_writer(&mut *json, name);
        json.push(b':');
        let _ = serde_json::to_writer(&mut *json, value);
    }
    json.push(b'}');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_a_bounded_number_of_fields() {
        let of = |count: usize| {
            let members: Vec<String> = (0..count).map(|n| format!("\"f{n}\":\"\"")).collect();
            parse::<RawFields<'_>>(format!("{{{}}}", members.join(",")).as_bytes()).is_ok()
        };
        assert!(of(MAX_FIELDS) && !of(MAX_FIELDS + 1));
    }

    #[test]
    fn a_value_that_is_not_a_string_is_its_json() {
        let json = br#"{"a":"te\"xt","b":1.50,"c":true,"d":null,"e":{"x": [1]},"no name":"x","":"y"}"#;
        let fields = decode(&parse(json).unwrap()).unwrap();
        let strings: Vec<_> =
            fields.iter().map(|(name, text)| (name.as_str(), text.expose_secret())).collect();
        assert_eq!(strings, [("a", "te\"xt"), ("b", "1.50"), ("c", "true"), ("e", "{\"x\": [1]}")]);
    }

    #[test]
    fn encoded_fields_decode_to_the_same_and_the_buffer_never_grows() {
        let written = cofferdam_vault::testkit::fields([("a", "\u{1}\u{1f}\"\\\n🔑"), ("b", ""), ("c", "é")]);
        let json = encode(&written);
        let capacity = json.capacity();
        let length = |text: &str| 6 * text.len() + 5;
        let expected: usize =
            written.iter().map(|(name, value)| length(name.as_str()) + length(value.expose_secret())).sum();
        assert_eq!(capacity, expected + 2);
        let read = decode(&parse(&json).unwrap()).unwrap();
        assert!(
            read.iter()
                .map(|(n, v)| (n, v.expose_secret()))
                .eq(written.iter().map(|(n, v)| (n, v.expose_secret())))
        );
    }
}
