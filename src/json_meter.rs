//! How much memory a JSON text takes once it is decoded, known before it is.
//!
//! A tree of values is many times as large as its text: `{"":0}` takes 7 bytes as text, and about 500 as an element of an
//! array of [`serde_json::Value`]. A limit on the size of a text is therefore no limit on the memory that it takes.
//! [`JsonMeter`] reads a text piece by piece, as it arrives, and builds nothing.

use memchr::memchr2;

/// The deepest nesting that `serde_json` parses. A text with a deeper one becomes no tree.
const MAX_DEPTH: usize = 128;

/// The size of a value in the vector of an array. `serde_json::Value` with its feature `preserve_order`.
const ELEMENT: u64 = 72;

/// The size of an entry of an object: its hash, its key and its value.
const ENTRY: u64 = 104;

/// The size of a slot in the hash table of an object: the index of its entry, and a control byte.
const SLOT: u64 = 9;

/// How the keys start that `serde_json` gives a meaning of its own. What is below such a key is decoded once more, so its
/// size cannot be known, and an object with one does not become the object that it is.
const RESERVED: &str = "$serde_json::private::";

/// The longest string that may be such a key, as written: each of its characters may be an escape.
const MAX_RESERVED: usize = 192;

/// The values and bytes of a text whose size is not known: more than any bound.
const UNKNOWN: u64 = u64::MAX / 16;

/// What an allocator adds to one allocation, at most, apart from rounding.
const ALLOCATION: u64 = 32;

/// The memory that a JSON text takes at most, once it is decoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DecodedSize {
    /// The values: objects, arrays and scalars.
    pub(crate) nodes: u64,
    /// The bytes of the tree, including what its largest table needs while it grows.
    pub(crate) bytes: u64,
    /// The bytes of the buffer in which a parser decodes strings with escapes, and numbers.
    pub(crate) buffer: u64,
    /// The bytes of the longest string or number.
    pub(crate) longest_string: u64,
}

impl DecodedSize {
    /// The larger of this and the size of a string with so many bytes, which a text becomes that is not JSON.
    pub(crate) fn or_text(self, length: usize) -> Self {
        let length = length as u64;
        // Only one that begins like JSON is known to be none when it is parsed.
        Self {
            bytes: self.bytes.max(string_bytes(length)),
            longest_string: if self.nodes <= 1 { length } else { self.longest_string },
            ..self
        }
    }
}

/// Measures a JSON text that arrives in pieces.
///
/// The result is an upper bound, and close to the truth for valid JSON. For invalid JSON it bounds what a parser has built
/// when it finds the mistake.
#[derive(Debug, Default)]
pub(crate) struct JsonMeter {
    state: State,
    open: Vec<Container>,
    nodes: u64,
    /// The bytes of all values that are complete.
    bytes: u64,
    /// The bytes of the current string so far, as written.
    string: u64,
    /// The bytes of the current number so far; zero outside one.
    number: u64,
    escaped: bool,
    /// The current string as written, for as long as it may be a reserved key.
    candidate: Option<Vec<u8>>,
    /// Whether the last string is reserved if it is a key.
    reserved: bool,
    /// The bytes of the longest string or number, and of the longest that a parser decodes in a buffer of its own: a string
    /// with an escape, or a number.
    longest: u64,
    longest_escaped: u64,
    /// The bytes of the largest container. While it grows, its old and its new table exist.
    largest: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Between the strings.
    #[default]
    Outside,
    /// Inside a string.
    String,
    /// Inside a string, after a backslash.
    Escape,
    /// A parser stops here: the value is complete, or the text is invalid.
    End,
}

#[derive(Debug, Clone, Copy)]
struct Container {
    object: bool,
    children: u64,
}

/// Measures a whole text.
pub(crate) fn measure(text: &[u8]) -> DecodedSize {
    let mut meter = JsonMeter::default();
    meter.feed(text);
    meter.size()
}

impl JsonMeter {
    /// Continues with the next piece of the text.
    pub(crate) fn feed(&mut self, mut piece: &[u8]) {
        loop {
            piece = match self.state {
                State::Outside => self.outside(piece),
                State::String => self.inside(piece),
                State::Escape => {
                    let Some((byte, rest)) = piece.split_first() else { return };
                    self.keep_candidate(&[*byte]);
                    self.string += 1;
                    self.state = State::String;
                    rest
                }
                State::End => return,
            };
            if piece.is_empty() {
                return;
            }
        }
    }

    /// Returns the size of the text so far. It never shrinks.
    pub(crate) fn size(&self) -> DecodedSize {
        let open: u64 = self.open.iter().map(|container| container.bytes()).sum();
        let largest =
            self.open.iter().map(|container| container.bytes()).max().unwrap_or(0).max(self.largest);
        let escaped = if self.escaped { self.string } else { 0 }.max(self.longest_escaped).max(self.number);
        let string = if self.state == State::Outside { 0 } else { string_bytes(self.string) };
        let bytes = self.bytes + open + string + number_bytes(self.number) + largest / 2;
        DecodedSize {
            nodes: self.nodes,
            bytes,
            buffer: 2 * escaped,
            longest_string: self.longest.max(self.string).max(self.number),
        }
    }

    /// Reads up to the next string, and returns what follows.
    fn outside<'p>(&mut self, piece: &'p [u8]) -> &'p [u8] {
        for (at, &byte) in piece.iter().enumerate() {
            if self.number > 0 {
                if matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-') {
                    self.number += 1;
                    continue;
                }
                self.end_of_number();
                if self.state == State::End {
                    return &[];
                }
            }
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {}
                b'"' => {
                    self.begin();
                    (self.string, self.escaped) = (0, false);
                    self.candidate = Some(Vec::new());
                    self.state = State::String;
                    return piece.get(at + 1..).unwrap_or_default();
                }
                b'{' | b'[' => {
                    self.begin();
                    if self.open.len() == MAX_DEPTH {
                        self.state = State::End;
                        return &[];
                    }
                    self.open.push(Container { object: byte == b'{', children: 0 });
                }
                b'}' | b']' => {
                    let Some(closed) = self.open.pop_if(|open| open.object == (byte == b'}')) else {
                        self.state = State::End;
                        return &[];
                    };
                    self.bytes += closed.bytes();
                    self.largest = self.largest.max(closed.bytes());
                    self.end_of_value();
                }
                b':' if self.reserved => {
                    (self.nodes, self.bytes) = (UNKNOWN, UNKNOWN);
                    self.state = State::End;
                }
                b',' => {
                    self.nodes += 1;
                    match self.open.last_mut() {
                        Some(container) => container.children += 1,
                        None => self.state = State::End,
                    }
                }
                b'0'..=b'9' | b'-' => {
                    self.begin();
                    self.number = 1;
                }
                // A literal or a colon. Whether it is valid makes no difference.
                _ => {
                    self.begin();
                    // It takes no further memory if it is all there is.
                    self.end_of_value();
                }
            }
            if self.state == State::End {
                return &[];
            }
        }
        &[]
    }

    /// Reads up to the end of the string or to its next escape, and returns what follows.
    fn inside<'p>(&mut self, piece: &'p [u8]) -> &'p [u8] {
        let Some(at) = memchr2(b'"', b'\\', piece) else {
            self.keep_candidate(piece);
            self.string += piece.len() as u64;
            return &[];
        };
        self.keep_candidate(piece.get(..at).unwrap_or_default());
        self.string += at as u64;
        if piece.get(at) == Some(&b'\\') {
            self.keep_candidate(b"\\");
            self.escaped = true;
            self.state = State::Escape;
        } else {
            self.reserved = self.candidate.take().is_some_and(|text| is_reserved(&text));
            self.bytes += string_bytes(self.string);
            self.longest = self.longest.max(self.string);
            if self.escaped {
                self.longest_escaped = self.longest_escaped.max(self.string);
            }
            (self.string, self.escaped) = (0, false);
            self.state = State::Outside;
            self.end_of_value();
        }
        piece.get(at + 1..).unwrap_or_default()
    }

    /// Keeps a piece of a string that may be a reserved key.
    fn keep_candidate(&mut self, piece: &[u8]) {
        let (Some(text), Some(first)) = (&mut self.candidate, piece.first()) else { return };
        let starts = !text.is_empty() || matches!(first, b'$' | b'\\');
        if starts && text.len() + piece.len() <= MAX_RESERVED {
            text.extend_from_slice(piece);
        } else {
            self.candidate = None;
        }
    }

    /// Counts the first child of a container, and the text itself. Commas count the others.
    fn begin(&mut self) {
        match self.open.last_mut() {
            Some(Container { children: children @ 0, .. }) => *children = 1,
            Some(_) => return,
            None => {}
        }
        self.nodes += 1;
    }

    /// A number is kept as it is written, and grows while it is read, like a string with escapes.
    fn end_of_number(&mut self) {
        self.bytes += number_bytes(self.number);
        self.longest = self.longest.max(self.number);
        self.longest_escaped = self.longest_escaped.max(self.number);
        self.number = 0;
        self.end_of_value();
    }

    fn end_of_value(&mut self) {
        if self.open.is_empty() {
            self.state = State::End;
        }
    }
}

impl Container {
    /// The bytes of the tables that hold its children.
    fn bytes(self) -> u64 {
        let Self { object, children } = self;
        match (object, children) {
            (_, 0) => 0,
            // A vector starts with four elements, and doubles.
            (false, _) => ELEMENT * children.next_power_of_two().max(4) + ALLOCATION,
            // An index map has a hash table, and an entry for each of its slots that may be used.
            (true, 1..4) => ENTRY * 4 + SLOT * 4 + 2 * ALLOCATION,
            (true, _) => {
                let slots = (children * 8).div_ceil(7).next_power_of_two();
                (ENTRY + SLOT) * slots + 2 * ALLOCATION
            }
        }
    }
}

/// Whether a string that is written like this is a reserved key.
fn is_reserved(written: &[u8]) -> bool {
    let text = [b"\"", written, b"\""].concat();
    serde_json::from_slice::<String>(&text).is_ok_and(|text| text.starts_with(RESERVED))
}

/// The bytes of a number that has so many bytes as written: a parser keeps them as a string, whose capacity doubles from
/// 16 bytes on.
fn number_bytes(written: u64) -> u64 {
    if written == 0 { 0 } else { written.next_power_of_two().max(16) + ALLOCATION / 2 }
}

/// The bytes of a string that has so many bytes as written. Allocators round up by a quarter at most.
fn string_bytes(written: u64) -> u64 {
    if written == 0 { 0 } else { written + written / 4 + ALLOCATION }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The values of a tree, and the bytes that it takes at least: what its vectors and strings have allocated, and the
    /// entries of its objects.
    fn actual(value: &Value) -> (u64, u64) {
        let children: Vec<(u64, u64)> = match value {
            Value::Array(items) => items.iter().map(actual).collect(),
            Value::Object(entries) => entries.values().map(actual).collect(),
            _ => Vec::new(),
        };
        let own = match value {
            Value::Array(items) => items.capacity() * size_of::<Value>(),
            Value::Object(entries) => {
                let keys: usize = entries.keys().map(String::capacity).sum();
                entries.len() * (size_of::<(usize, String, Value)>() + size_of::<usize>()) + keys
            }
            Value::String(text) => text.capacity(),
            Value::Number(number) => number.as_str().len(),
            _ => 0,
        };
        children.into_iter().fold((1, own as u64), |(nodes, bytes), (n, b)| (nodes + n, bytes + b))
    }

    /// A random JSON text, with more white space and more escapes than any service writes.
    fn random(rng: &mut fastrand::Rng, depth: usize, text: &mut String) {
        let space = |rng: &mut fastrand::Rng, text: &mut String| {
            if rng.u8(..8) == 0 {
                text.push_str([" ", "\t\n", "\r\n  "][rng.usize(..3)]);
            }
        };
        let string = |rng: &mut fastrand::Rng, text: &mut String| {
            text.push('"');
            for _ in 0..[0, 1, 5, 40][rng.usize(..4)] {
                text.push_str(["a", "é", "\\\\", "\\\"", "\\u0041", "{", "]", ",", ":"][rng.usize(..9)]);
            }
            text.push('"');
        };
        space(rng, text);
        match rng.u8(..if depth == 0 { 4 } else { 8 }) {
            0 => text.push_str("null"),
            1 => text.push_str(["-1.5e3", "0", "-0", "1E400"][rng.usize(..4)]),
            2 => text.push_str(&"18446744073709551615".repeat(rng.usize(1..5))),
            3 => string(rng, text),
            kind => {
                let object = kind < 6;
                text.push(if object { '{' } else { '[' });
                for at in 0..[0, 1, 2, 3, 4, 7, 8, 15, 30][rng.usize(..9)] {
                    if at > 0 {
                        text.push(',');
                    }
                    if object {
                        space(rng, text);
                        string(rng, text);
                        // Most keys of an object differ.
                        text.insert_str(text.len() - 1, &at.to_string());
                        space(rng, text);
                        text.push(':');
                    }
                    random(rng, depth - 1, text);
                    space(rng, text);
                }
                space(rng, text);
                text.push(if object { '}' } else { ']' });
            }
        }
        space(rng, text);
    }

    #[test]
    fn the_size_is_never_less_than_what_a_parser_builds() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..500 {
            let mut text = String::new();
            random(&mut rng, 4, &mut text);
            let value: Value = serde_json::from_str(&text).unwrap();
            let (nodes, bytes) = actual(&value);
            let size = measure(text.as_bytes());
            assert_eq!(size.nodes, nodes, "{text}");
            assert!(size.bytes >= bytes, "{} < {bytes}: {text}", size.bytes);
            assert!(size.bytes <= 8 * bytes + 1024, "{} is much more than {bytes}: {text}", size.bytes);
        }
    }

    #[test]
    fn a_text_in_pieces_has_the_size_of_the_whole() {
        let mut rng = fastrand::Rng::with_seed(8);
        for _ in 0..100 {
            let mut text = String::new();
            random(&mut rng, 3, &mut text);
            let mut meter = JsonMeter::default();
            let (mut rest, mut before) = (text.as_bytes(), DecodedSize::default());
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(rng.usize(1..=rest.len().min(9)));
                meter.feed(piece);
                rest = more;
                let size = meter.size();
                assert!(size.nodes >= before.nodes && size.bytes >= before.bytes, "{text}");
                before = size;
            }
            assert_eq!(meter.size(), measure(text.as_bytes()), "{text}");
        }
    }

    /// What the allocator counted for texts of 4 MiB: bytes of the tree for each byte of text.
    #[test]
    fn hostile_texts_have_the_size_that_was_measured() {
        for (element, measured) in [
            ("{\"\":0}", 72.9),
            ("{}", 36.0),
            ("[0]", 94.0),
            ("0", 36.5),
            ("\"a\"", 26.0),
            ("{\"a\":\"b\"}", 53.8),
            ("{\"a\":{}}", 55.2),
            ("[[]]", 78.8),
            ("{\"a\":0,\"b\":0,\"c\":0,\"d\":0}", 41.4),
        ] {
            let count = 4 * 1024 * 1024 / (element.len() + 1);
            let text = format!("[{}]", vec![element; count].join(","));
            let size = measure(text.as_bytes());
            let ratio = size.bytes as f64 / text.len() as f64;
            assert!(ratio >= measured && ratio <= measured * 2.0, "{element}: {ratio} and {measured}");
        }
    }

    #[test]
    fn a_parser_stops_where_the_text_is_complete_or_invalid() {
        let nodes = |text: &str| measure(text.as_bytes()).nodes;
        let many = ",0".repeat(1000);
        for ended in ["1", "-1.5e3", "{}", "\"a\"", "x", "]", "[}", "{]"] {
            let text = format!("{ended}{many}");
            assert!(serde_json::from_str::<Value>(&text).is_err());
            assert!(nodes(&text) <= 2, "{text}");
        }
        let deep = format!("{}{}", "[".repeat(200), many);
        assert!(serde_json::from_str::<Value>(&deep).is_err());
        assert!(nodes(&deep) <= 200);
        assert_eq!(nodes(" \n"), 0);
        assert_eq!(nodes(" [ ] "), 1);
    }

    #[test]
    fn a_key_that_the_parser_gives_a_meaning_makes_the_size_unknown() {
        let escaped: String = RESERVED.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
        for key in
            ["$serde_json::private::Number", "$serde_json::private::RawValue", &format!("{escaped}RawValue")]
        {
            for text in
                [format!("{{\"{key}\": \"[1]\"}}"), format!("[7, {{\"a\": 1, \"{key}\" : \"1\", \"b\": 2}}]")]
            {
                let size = measure(text.as_bytes());
                assert!(size.nodes >= UNKNOWN && size.bytes >= UNKNOWN, "{text}: {size:?}");
                let mut pieces = JsonMeter::default();
                text.as_bytes().chunks(1).for_each(|piece| pieces.feed(piece));
                assert_eq!(pieces.size(), size);
            }
            for text in
                [format!("[\"{key}\"]"), format!("{{\"a\": \"{key}\"}}"), format!("{{\"x{key}\": 1}}")]
            {
                assert!(measure(text.as_bytes()).nodes <= 2, "{text}");
            }
        }
    }

    #[test]
    fn a_text_that_is_not_json_becomes_one_string() {
        let size = measure(b"<html>").or_text(6);
        assert!(size.bytes >= 6 && size.longest_string == 6, "{size:?}");
    }
}
