//! Encodes the fields of a secret as JSON. [`JsonFields`](cofferdam_vault::JsonFields) decodes them.

use cofferdam_vault::{ExposeSecret as _, SecretFields};
use zeroize::Zeroizing;

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
    use cofferdam_vault::JsonFields;

    use super::*;

    #[test]
    fn encoded_fields_decode_to_the_same_and_the_buffer_never_grows() {
        let written = cofferdam_vault::testkit::fields([("a", "\u{1}\u{1f}\"\\\n🔑"), ("b", ""), ("c", "é")]);
        let json = encode(&written);
        let capacity = json.capacity();
        let length = |text: &str| 6 * text.len() + 5;
        let expected: usize =
            written.iter().map(|(name, value)| length(name.as_str()) + length(value.expose_secret())).sum();
        assert_eq!(capacity, expected + 2);
        let read = JsonFields::parse(std::str::from_utf8(&json).unwrap()).unwrap().select(&[]).unwrap();
        assert!(
            read.iter()
                .map(|(n, v)| (n, v.expose_secret()))
                .eq(written.iter().map(|(n, v)| (n, v.expose_secret())))
        );
    }
}
