//! JSON texts with strings that a parser refuses, made readable.
//!
//! One such string makes a whole text unreadable, with every other value in it. Here only that string changes.

use std::borrow::Cow;

/// The length of an escape such as `\ud83d`, in bytes.
const ESCAPE: usize = 6;

/// Returns `text` with U+FFFD in place of what no string can hold: half of a surrogate pair, and bytes that are not UTF-8.
/// A raw control character in a string becomes its escape. Everything else stays as it is.
///
/// The result is borrowed if there is nothing to replace. It is JSON if nothing else is wrong with `text`.
///
/// ```
/// use cofferdam_config::json::repair;
///
/// assert_eq!(*repair(br#"{"a": "\ud83d", "b": 1}"#), *br#"{"a": "\ufffd", "b": 1}"#);
/// assert_eq!(*repair(b"[\"a\tb\"]"), *br#"["a\u0009b"]"#);
/// ```
pub fn repair(text: &[u8]) -> Cow<'_, [u8]> {
    if Pieces::new(text).all(|piece| matches!(piece, Piece::Readable(_))) {
        return Cow::Borrowed(text);
    }
    let mut repaired = Vec::with_capacity(text.len() + ESCAPE);
    for piece in Pieces::new(text) {
        match piece {
            Piece::Readable(bytes) => repaired.extend_from_slice(bytes),
            Piece::Control(byte) => repaired.extend_from_slice(escape(byte).as_bytes()),
            Piece::HalfPair(_) => repaired.extend_from_slice(br"\ufffd"),
            Piece::NotUtf8(_) => repaired.extend_from_slice("\u{fffd}".as_bytes()),
        }
    }
    Cow::Owned(repaired)
}

/// Returns `text` with each raw control character in a string as its escape: what a person means who pastes several lines
/// between quotes. Returns `None` if there is none.
///
/// The text may hold secrets: the buffer of the result has its final size from the start, so that no copy is left behind.
pub fn escape_control_characters(text: &[u8]) -> Option<Vec<u8>> {
    let count = Pieces::new(text).filter(|piece| matches!(piece, Piece::Control(_))).count();
    if count == 0 {
        return None;
    }
    let mut escaped = Vec::with_capacity(text.len() + count * (ESCAPE - 1));
    for piece in Pieces::new(text) {
        match piece {
            Piece::Control(byte) => escaped.extend_from_slice(escape(byte).as_bytes()),
            Piece::Readable(bytes) | Piece::HalfPair(bytes) | Piece::NotUtf8(bytes) => {
                escaped.extend_from_slice(bytes);
            }
        }
    }
    Some(escaped)
}

fn escape(control: u8) -> String {
    format!("\\u{control:04x}")
}

/// A part of a text.
enum Piece<'t> {
    /// What a parser reads, or refuses for another reason.
    Readable(&'t [u8]),
    /// A raw control character in a string.
    Control(u8),
    /// The escape of half of a surrogate pair, without its other half.
    HalfPair(&'t [u8]),
    /// Bytes in a string that are not UTF-8.
    NotUtf8(&'t [u8]),
}

/// The pieces of a text, which together are the text.
struct Pieces<'t> {
    rest: &'t [u8],
    in_string: bool,
}

impl<'t> Pieces<'t> {
    fn new(text: &'t [u8]) -> Self {
        Self { rest: text, in_string: false }
    }

    /// The first piece of a string's `rest`, which is not empty.
    fn in_string(&self) -> Piece<'t> {
        let rest = self.rest;
        let plain =
            rest.iter().take_while(|&&byte| (0x20..0x80).contains(&byte) && byte != b'"' && byte != b'\\');
        match (plain.count(), rest.first()) {
            (0, Some(b'"')) => Piece::Readable(&rest[..1]),
            (0, Some(b'\\')) => escaped(rest),
            (0, Some(&control @ 0..=0x1f)) => Piece::Control(control),
            (0, _) => {
                let run = rest.iter().take_while(|byte| !byte.is_ascii()).count();
                match rest[..run].utf8_chunks().next() {
                    Some(chunk) if chunk.valid().is_empty() => Piece::NotUtf8(chunk.invalid()),
                    Some(chunk) => Piece::Readable(chunk.valid().as_bytes()),
                    None => Piece::Readable(rest),
                }
            }
            (plain, _) => Piece::Readable(&rest[..plain]),
        }
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        if self.rest.is_empty() {
            return None;
        }
        let piece = if self.in_string {
            self.in_string()
        } else {
            let quote = self.rest.iter().position(|&byte| byte == b'"');
            Piece::Readable(&self.rest[..quote.map_or(self.rest.len(), |quote| quote + 1)])
        };
        let length = match piece {
            Piece::Readable(bytes) | Piece::HalfPair(bytes) | Piece::NotUtf8(bytes) => bytes.len(),
            Piece::Control(_) => 1,
        };
        if matches!(piece, Piece::Readable([.., b'"'])) {
            // An escaped quote is a piece with its backslash.
            self.in_string ^= !matches!(piece, Piece::Readable([b'\\', ..]) if self.in_string);
        }
        self.rest = &self.rest[length..];
        Some(piece)
    }
}

/// The first piece of `rest`, which begins with a backslash in a string.
fn escaped(rest: &[u8]) -> Piece<'_> {
    let half = |at: usize| {
        let digits = rest.get(at..at + ESCAPE)?.strip_prefix(br"\u")?;
        // `from_str_radix` takes a sign too.
        let digits =
            std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u16::from_str_radix(digits, 16).ok()
    };
    match half(0) {
        Some(0xd800..=0xdbff) => match half(ESCAPE) {
            Some(0xdc00..=0xdfff) => Piece::Readable(&rest[..2 * ESCAPE]),
            _ => Piece::HalfPair(&rest[..ESCAPE]),
        },
        Some(0xdc00..=0xdfff) => Piece::HalfPair(&rest[..ESCAPE]),
        // The letter after a backslash belongs to it, above all a quote or a second backslash.
        _ if rest.get(1).is_some_and(|byte| (0x20..0x80).contains(byte)) => Piece::Readable(&rest[..2]),
        _ => Piece::Readable(&rest[..1]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn repaired(text: &[u8]) -> String {
        String::from_utf8(repair(text).into_owned()).unwrap()
    }

    #[test]
    fn only_what_cannot_be_read_is_replaced() {
        for (text, expected) in [
            (&br#"["\ud83d"]"#[..], r#"["\ufffd"]"#),
            (br#"["\ude00\ud83d"]"#, r#"["\ufffd\ufffd"]"#),
            (br#"["\ud83d\ud83d\ude00"]"#, r#"["\ufffd\ud83d\ude00"]"#),
            (br#"["\ud83dx", "\uD83D\uDE00"]"#, r#"["\ufffdx", "\uD83D\uDE00"]"#),
            (b"[\"a\xff\xc3\xa9\xe2\x82\"]", "[\"a\u{fffd}\u{e9}\u{fffd}\"]"),
            (b"{\"a\nb\": \"\0\x1f\"}", r#"{"a\u000ab": "\u0000\u001f"}"#),
        ] {
            assert_eq!(repaired(text), expected);
            assert!(serde_json::from_slice::<Value>(text).is_err());
            assert!(serde_json::from_str::<Value>(expected).is_ok(), "{expected}");
        }
    }

    #[test]
    fn what_can_be_read_is_borrowed() {
        for text in [
            "",
            "\"",
            "\"\\",
            "\"\\\"",
            r#"{"a\"": "\\", "\\\"": "\ud83d\ude00", "b": "é\u00e9"}"#,
            "[\n\t1,\r\n\"x\" ]",
            r#"["\ud8", "\u+123"]"#,
        ] {
            assert!(matches!(repair(text.as_bytes()), Cow::Borrowed(_)), "{text}");
        }
    }

    /// Any bytes: the pieces are the text, and a repaired text needs no further repair.
    #[test]
    fn a_repair_is_complete() {
        let alphabet: [&[u8]; 12] = [
            b"\"",
            b"\\",
            b"u",
            b"\\ud83d",
            b"\\ude00",
            b"\xff",
            b"\xe2\x82",
            b"\n",
            b"{",
            b":",
            "é".as_bytes(),
            b"a",
        ];
        let mut state = 1_u64;
        for _ in 0..2000 {
            let mut text = Vec::new();
            for _ in 0..12 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.extend_from_slice(alphabet[(state >> 33) as usize % alphabet.len()]);
            }
            let once = repair(&text);
            assert!(matches!(repair(&once), Cow::Borrowed(_)), "{text:?}");
            let escaped = escape_control_characters(&text);
            let rejoined = escaped.as_deref().map_or_else(|| repair(&text), repair);
            assert_eq!(rejoined, once, "{text:?}");
        }
    }

    #[test]
    fn lines_pasted_between_quotes_are_escaped_in_a_buffer_that_never_grows() {
        let text = b"{\"key\": \"-----BEGIN\nx\n\", \"other\": \"\\ud83d\"}\n";
        let escaped = escape_control_characters(text).unwrap();
        assert_eq!(escaped.capacity(), escaped.len());
        assert_eq!(escaped, b"{\"key\": \"-----BEGIN\\u000ax\\u000a\", \"other\": \"\\ud83d\"}\n");
        assert_eq!(escape_control_characters(b"{\n\"a\": 1\n}"), None);
    }
}
