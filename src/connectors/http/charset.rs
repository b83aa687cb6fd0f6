//! Converts a body to UTF-8 as it arrives.

use std::io::{self, Write};
use std::mem;

use encoding_rs::{CoderResult, Decoder, Encoding};

/// Writes to `out` what is written to it, in UTF-8.
///
/// A body is in the declared charset, or else in that of its UTF-16 byte-order mark. Without either it passes unchanged,
/// whether it is UTF-8 or binary.
pub(super) struct ToUtf8<W> {
    charset: Charset,
    out: W,
    damaged: bool,
}

enum Charset {
    /// Not known before the second byte.
    Start(Vec<u8>),
    Unchanged,
    Decoded(Box<Decoder>),
}

impl<W: Write> ToUtf8<W> {
    /// A converter of a body with this declared charset.
    pub(super) fn new(declared: Option<&'static Encoding>, out: W) -> Self {
        let charset = match declared {
            Some(encoding) => Charset::Decoded(Box::new(encoding.new_decoder())),
            None => Charset::Start(Vec::new()),
        };
        Self { charset, out, damaged: false }
    }

    /// A converter that changes nothing.
    pub(super) fn unchanged(out: W) -> Self {
        Self { charset: Charset::Unchanged, out, damaged: false }
    }

    /// Writes what was held back. Returns whether characters could not be decoded, and were replaced by U+FFFD.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub(super) fn finish(&mut self) -> io::Result<bool> {
        match &mut self.charset {
            Charset::Start(head) => self.out.write_all(head)?,
            Charset::Unchanged => {}
            Charset::Decoded(decoder) => self.damaged |= decode(decoder, &[], true, &mut self.out)?,
        }
        Ok(self.damaged)
    }
}

impl<W: Write> Write for ToUtf8<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let joined;
        let mut rest = bytes;
        if let Charset::Start(head) = &mut self.charset {
            if head.is_empty() && bytes.len() < 2 {
                head.extend_from_slice(bytes);
                return Ok(bytes.len());
            }
            if !head.is_empty() {
                joined = [mem::take(head).as_slice(), bytes].concat();
                rest = joined.as_slice();
            }
            self.charset = match Encoding::for_bom(rest) {
                Some((encoding, 2)) => Charset::Decoded(Box::new(encoding.new_decoder())),
                _ => Charset::Unchanged,
            };
        }
        match &mut self.charset {
            Charset::Decoded(decoder) => self.damaged |= decode(decoder, rest, false, &mut self.out)?,
            Charset::Start(_) | Charset::Unchanged => self.out.write_all(rest)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Decodes `bytes` to `out`. Returns whether characters were replaced.
fn decode(decoder: &mut Decoder, mut bytes: &[u8], last: bool, out: &mut impl Write) -> io::Result<bool> {
    let mut buffer = [0; 4096];
    let mut damaged = false;
    loop {
        let (result, read, written, replaced) = decoder.decode_to_utf8(bytes, &mut buffer, last);
        damaged |= replaced;
        out.write_all(buffer.get(..written).unwrap_or_default())?;
        bytes = bytes.get(read..).unwrap_or_default();
        if result == CoderResult::InputEmpty {
            return Ok(damaged);
        }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{SHIFT_JIS, WINDOWS_1252};

    use super::*;

    /// The body in pieces of every size, which must make no difference.
    fn converted(declared: Option<&'static Encoding>, body: &[u8]) -> (Vec<u8>, bool) {
        let results = (1..=body.len().max(1)).map(|size| {
            let mut out = Vec::new();
            let mut converter = ToUtf8::new(declared, &mut out);
            body.chunks(size).for_each(|piece| converter.write_all(piece).unwrap());
            let damaged = converter.finish().unwrap();
            (out, damaged)
        });
        let mut results: Vec<_> = results.collect();
        results.dedup();
        assert_eq!(results.len(), 1, "the size of the pieces changes the result");
        results.remove(0)
    }

    fn utf_16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn a_declared_charset_or_a_mark_is_decoded_and_anything_else_unchanged() {
        assert_eq!(converted(Some(WINDOWS_1252), b"caf\xe9"), ("café".into(), false));
        assert_eq!(converted(Some(SHIFT_JIS), b"\x93\xfa\x96\x7b"), ("日本".into(), false));
        for order in [u16::to_le_bytes, u16::to_be_bytes] {
            assert_eq!(converted(None, &utf_16("\u{feff}é😀", order)), ("é😀".into(), false));
        }
        for body in [&b""[..], b"x", b"caf\xe9", "é".as_bytes(), b"\xef\xbb\xbf{}", b"\0\x01\x02"] {
            assert_eq!(converted(None, body), (body.to_vec(), false));
        }
    }

    #[test]
    fn a_character_that_cannot_be_decoded_is_reported() {
        assert_eq!(converted(Some(SHIFT_JIS), b"a\x93"), ("a\u{fffd}".into(), true));
        assert_eq!(converted(None, b"\xff\xfea"), ("\u{fffd}".into(), true));
    }
}
