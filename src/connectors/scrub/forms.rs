//! The forms in which a credential may come back, besides what escapes make of them.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// One form of a credential.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Form {
    text: Zeroizing<String>,
    /// Whether the character before, and the one behind, holds some of the credential's bits: base64 of a
    /// credential inside a longer text.
    edges: (bool, bool),
}

impl Form {
    fn plain(text: String) -> Self {
        Self { text: Zeroizing::new(text), edges: (false, false) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Where it stands in `bytes` if it begins at `start`, whatever its case.
    pub(super) fn at(&self, start: usize, bytes: &[u8]) -> Option<Range<usize>> {
        let range = start..start.checked_add(self.text.len())?;
        let there = bytes.get(range.clone())?.eq_ignore_ascii_case(self.bytes());
        there.then(|| self.widen(range, bytes))
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

/// Adds every form of `secret`; some are equal.
pub(super) fn push_all(secret: &str, forms: &mut Vec<Form>) {
    forms.push(Form::plain(secret.to_owned()));
    // A form writes a space as `+`.
    forms.push(Form::plain(secret.replace(' ', "+")));
    forms.push(Form::plain(secret.bytes().map(|byte| format!("{byte:02x}")).collect()));
    for offset in 0..3 {
        push_base64(secret, offset, forms);
    }
}

/// Base64 of `secret` behind `offset` other bytes: the characters that depend on nothing else.
fn push_base64(secret: &str, offset: usize, forms: &mut Vec<Form>) {
    let mut behind = Zeroizing::new(vec![0; offset]);
    behind.extend_from_slice(secret.as_bytes());
    let first = (offset * 8).div_ceil(6);
    let last = behind.len() * 8 / 6;
    let edges = (offset > 0, !behind.len().is_multiple_of(3));
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        let encoded = Zeroizing::new(engine.encode(behind.as_slice()));
        let stable = encoded.get(first..last).unwrap_or_default();
        forms.push(Form { text: Zeroizing::new(stable.to_owned()), edges });
    }
}
