//! The scrubber: no notation of a credential is left in what it returns.
//!
//! The input says which credentials there are, and puts them, in one or two notations, into arbitrary bytes. A slow
//! reference, which tries every notation, must find none of them in the scrubbed text.

mod notation;
mod reference;

use arbitrary::{Result, Unstructured};
use cofferdam::connectors::Scrubber;

pub(crate) use notation::Notation;
pub(crate) use reference::contains;

/// The fields of credentials: one without structure, one that contains another, and those that encodings change.
const CREDENTIALS: [&[&str]; 5] = [
    &["q7Zp2mXv9LrT4wBn"],
    &["github", "github_pat_11AAq7Zp2mXv9LrT4wBn"],
    &["p@ss/w+rd&<'\"x=? y~", "someone@example.com"],
    &["pässwörd-löng"],
    &["https://q7Zp:2mXv@a.example/%7e\\n", "q7Zp:2mXv"],
];

/// What may be between the parts of a text.
const GLUE: [&str; 20] = [
    " ", "\n", "\r\n", "\"", "\\", ",", ":", "...", "…", "[", "]", "{\"a\":", "}", "=", "%", "&", "0x", "-",
    "\0", "12, ",
];

/// A text that belongs to no notation, and that no credential contains.
const ORDINARY: &[u8] = b"^ ordinary words ^";

/// A text that contains credentials is clean once it is scrubbed, and what is beside them is left.
pub fn scrubber(data: &[u8]) {
    // What is missing at the end of the input is zero, so there is always a text.
    let (fields, text) = text(&mut Unstructured::new(data)).expect("choices are never empty");
    let scrubber = Scrubber::new(fields.iter().copied());
    let clean = scrubber.bytes(&text);
    let shown = || format!("from {}\nto   {}", text.escape_ascii(), clean.escape_ascii());
    for field in fields {
        assert!(!contains(&clean, field), "`{field}` is left\n{}", shown());
    }
    let again = scrubber.bytes(&clean);
    assert!(again == clean, "scrubbed again, it is another text: {}\n{}", again.escape_ascii(), shown());
    let both = [&text, ORDINARY, &text].concat();
    let clean = scrubber.bytes(&both);
    let shown = || format!("from {}\nto   {}", both.escape_ascii(), clean.escape_ascii());
    assert!(clean.windows(ORDINARY.len()).any(|part| part == ORDINARY), "words are lost\n{}", shown());
    for field in fields {
        assert!(!contains(&clean, field), "`{field}` is left\n{}", shown());
    }
}

/// The fields of a credential, and a text that may contain them.
fn text(data: &mut Unstructured<'_>) -> Result<(&'static [&'static str], Vec<u8>)> {
    let fields = *data.choose(&CREDENTIALS)?;
    let mut text = Vec::new();
    for _ in 0..data.int_in_range(1..=6)? {
        match data.int_in_range(0..=3)? {
            0 => text.extend_from_slice(data.choose(&GLUE)?.as_bytes()),
            1 => {
                let length = data.int_in_range(0..=24)?.min(data.len());
                text.extend_from_slice(data.bytes(length)?);
            }
            _ => text.extend(planted(data, fields)?),
        }
    }
    Ok((fields, text))
}

/// A field in up to two notations, perhaps with other bytes around it.
fn planted(data: &mut Unstructured<'_>, fields: &[&str]) -> Result<Vec<u8>> {
    let mut text = data.choose(fields)?.as_bytes().to_vec();
    for _ in 0..data.int_in_range(0..=2)? {
        if data.ratio(1, 4)? {
            let before = *data.choose(&["", "a", "ab", "Bearer ", "user:"])?;
            text.splice(..0, before.bytes());
            text.extend_from_slice(data.choose(&["", "z", ":more"])?.as_bytes());
        }
        text = data.choose(&Notation::ALL)?.write(&text);
    }
    if data.ratio(1, 4)? {
        let width = data.int_in_range(1..=76)?;
        text = text.chunks(width).collect::<Vec<_>>().join(&b"\r\n"[..]);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_finds_every_field_in_every_notation_of_every_notation() {
        for field in CREDENTIALS.iter().copied().flatten() {
            for outer in Notation::ALL {
                for inner in Notation::ALL {
                    let text = outer.write(&inner.write(field.as_bytes()));
                    let found = contains(&text, field);
                    assert!(found, "`{field}`, {inner:?} in {outer:?}: {}", text.escape_ascii());
                }
            }
            assert!(!contains(b"a text without a credential: 112, 97 7061 cGE= %70", field));
        }
    }

    #[test]
    fn every_field_in_every_notation_of_every_notation_is_removed() {
        for fields in CREDENTIALS {
            let scrubber = Scrubber::new(fields.iter().copied());
            for field in fields {
                for outer in Notation::ALL {
                    for inner in Notation::ALL {
                        let text = outer.write(&inner.write(field.as_bytes()));
                        let clean = scrubber.bytes(&text);
                        let shown = || format!("{inner:?} in {outer:?}: {}", clean.escape_ascii());
                        assert!(clean != text, "`{field}`, {}", shown());
                        assert!(!contains(&clean, field), "`{field}`, {}", shown());
                    }
                }
            }
        }
    }
}
