//! The request ID of a message that is too long to be kept.
//!
//! The message is read piece by piece. Its ID may come last, as some clients write it.

use serde_json::value::RawValue;

/// The maximum length of an ID or a key that is kept, in bytes.
const MAX_KEPT: usize = 1024;

/// Finds the member `id` of an object that arrives in pieces.
#[derive(Debug, Default)]
pub(super) struct IdFinder {
    /// How many objects and arrays are open.
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// Whether a value follows, and not a key.
    in_value: bool,
    /// The current key of the outermost object, or its value if the key is `id`.
    text: Vec<u8>,
    is_id: bool,
    id: Option<Box<RawValue>>,
}

impl IdFinder {
    /// Continues with the next piece.
    pub(super) fn feed(&mut self, piece: &[u8]) {
        for &byte in piece {
            self.next(byte);
        }
    }

    /// Returns the last ID of the message so far.
    pub(super) fn id(self) -> Option<Box<RawValue>> {
        self.id
    }

    fn next(&mut self, byte: u8) {
        let outermost = self.depth == 1;
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = byte == b'\\' && !self.escaped;
        } else {
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if outermost => {
                    self.end_of_member();
                    self.depth = 0;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                b',' if outermost => return self.end_of_member(),
                b':' if outermost => {
                    self.is_id = serde_json::from_slice::<String>(&self.text).is_ok_and(|key| key == "id");
                    self.in_value = true;
                    return self.text.clear();
                }
                _ => {}
            }
        }
        // Of an object or a list only what opens it, which is not an ID.
        if outermost && (self.is_id || !self.in_value) && self.text.len() < MAX_KEPT {
            self.text.push(byte);
        }
    }

    fn end_of_member(&mut self) {
        if self.is_id {
            self.id = serde_json::from_slice(&self.text).ok();
        }
        (self.in_value, self.is_id) = (false, false);
        self.text.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Option<String> {
        let mut finder = IdFinder::default();
        for piece in text.as_bytes().chunks(3) {
            finder.feed(piece);
        }
        finder.id().map(|id| id.get().to_owned())
    }

    #[test]
    fn the_id_is_found_wherever_it_is() {
        for (text, expected) in [
            (r#"{"id":7,"method":"x","params":{"a":"\"}{"}}"#, Some("7")),
            (r#" { "params" : [ { "id" : 1 } ], "jsonrpc":"2.0" , "\u0069d" : "a\"b" }"#, Some(r#""a\"b""#)),
            (r#"{"id":1.5}"#, Some("1.5")),
            (r#"{"id":1,"x":"cut off"#, Some("1")),
            (r#"{"params":{"id":1}}"#, None),
            (r#"{"id":{"a":1}}"#, None),
            (r#"{"x":"\"id\":1"}"#, None),
            (r#"[{"id":1}]"#, None),
            (r#"{"id":tru"#, None),
            ("", None),
            ("}}]]{\"id\"", None),
        ] {
            assert_eq!(id(text).as_deref(), expected, "{text}");
        }
    }
}
