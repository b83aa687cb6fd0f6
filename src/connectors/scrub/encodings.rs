//! The encodings in which a credential may come back, besides escapes.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// A credential in one encoding.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Encoding {
    text: Zeroizing<String>,
    /// Whether the character before and the one after hold some of the credential's bits, as in Base64 of a credential
    /// inside a longer text.
    edges: (bool, bool),
}

impl Encoding {
    fn plain(text: String) -> Self {
        Self { text: Zeroizing::new(text), edges: (false, false) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Its range in `bytes` if it begins at `start`, regardless of case.
    pub(super) fn match_at(&self, start: usize, bytes: &[u8]) -> Option<Range<usize>> {
        let range = start..start.checked_add(self.text.len())?;
        let matches = bytes.get(range.clone())?.eq_ignore_ascii_case(self.bytes());
        matches.then(|| self.widen(range, bytes))
    }

    /// `range` with the characters at its edges that hold some of the credential's bits.
    fn widen(&self, range: Range<usize>, bytes: &[u8]) -> Range<usize> {
        let digit = |i: usize| bytes.get(i).is_some_and(|b| b.is_ascii_alphanumeric() || b"+/-_".contains(b));
        let Range { mut start, mut end } = range;
        if self.edges.0 && start > 0 && digit(start - 1) {
            start -= 1;
        }
        if self.edges.1 && digit(end) {
            end += 1;
        }
        start..end
    }
}

/// Appends every encoding of `secret`. Some may be equal.
pub(super) fn push_all(secret: &str, encodings: &mut Vec<Encoding>) {
    encodings.push(Encoding::plain(secret.to_owned()));
    // An HTML form encodes a space as `+`.
    encodings.push(Encoding::plain(secret.replace(' ', "+")));
    encodings.push(Encoding::plain(secret.bytes().map(|byte| format!("{byte:02x}")).collect()));
    for offset in 0..3 {
        push_base64(secret, offset, encodings);
    }
}

/// Appends Base64 of `secret` after `offset` other bytes: those characters that depend on `secret` alone.
fn push_base64(secret: &str, offset: usize, encodings: &mut Vec<Encoding>) {
    let mut padded = Zeroizing::new(vec![0; offset]);
    padded.extend_from_slice(secret.as_bytes());
    let first = (offset * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    let edges = (offset > 0, !padded.len().is_multiple_of(3));
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        let encoded = Zeroizing::new(engine.encode(padded.as_slice()));
        let stable = encoded.get(first..last).unwrap_or_default();
        encodings.push(Encoding { text: Zeroizing::new(stable.to_owned()), edges });
    }
}
