//! Skips nearly all positions of a text at which no credential begins.
//!
//! Each call has its own credential, so the matcher is built for each call. Building an automaton takes longer than
//! searching a usual answer. This filter is a table instead: each encoding marks one place, by a hash of its first bytes. If
//! the place of a position is not marked, no encoding begins there. If it is, the encodings with these first bytes are
//! compared.
//!
//! White space and NUL are no part of the first bytes, so an encoding is found by one pass also if it is broken by them.

use std::ops::Range;

use zeroize::Zeroizing;

/// How many significant bytes of an encoding are hashed. The shortest encoding is longer.
const PREFIX: usize = 4;

/// The binary logarithm of the table's size in bytes. 8 KiB fit the processor's L1 cache, and of a text without the
/// credential about one position in a thousand is looked up unnecessarily.
const LOG2_BYTES: u32 = 13;

/// Each byte with the bit set that distinguishes `A` from `a`; zero for one that is not significant.
const FOLDED: [u8; 256] = {
    let mut folded = [0; 256];
    let mut byte = 0;
    while byte < folded.len() {
        if is_significant(byte as u8) {
            folded[byte] = byte as u8 | 0x20;
        }
        byte += 1;
    }
    folded
};

/// The prefixes of a set of encodings.
pub(super) struct PrefixFilter(Box<Zeroizing<[bool; 1 << LOG2_BYTES]>>);

/// Where an encoding may begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The range of the prefix in the text.
    pub(super) span: Range<usize>,
    /// The prefix, [`folded`].
    pub(super) prefix: u32,
}

impl PrefixFilter {
    pub(super) fn new(prefixes: impl IntoIterator<Item = u32>) -> Self {
        let mut table = Box::new(Zeroizing::new([false; _]));
        for prefix in prefixes {
            table[hash(prefix)] = true;
        }
        Self(table)
    }

    /// The positions in `text` at which an encoding may begin, in order.
    pub(super) fn candidates(&self, text: &[u8]) -> impl Iterator<Item = Candidate> {
        let (mut at, mut prefix) = (0, 0);
        std::iter::from_fn(move || {
            loop {
                (at, prefix) = self.next(text, at, prefix)?;
                if let Some(span) = span(text, at - 1) {
                    return Some(Candidate { span, prefix });
                }
            }
        })
    }

    /// Continues at `at`, after bytes that end with `prefix`. Returns the position after the next prefix that is marked, and
    /// that prefix.
    ///
    /// Every byte of an answer passes this loop. Inlined, it would not have all of its state in registers.
    #[inline(never)]
    fn next(&self, text: &[u8], at: usize, mut prefix: u32) -> Option<(usize, u32)> {
        let mut rest = text.get(at..)?.iter();
        while let Some(&byte) = rest.next() {
            let folded = FOLDED[usize::from(byte)];
            if folded == 0 {
                continue;
            }
            prefix = prefix >> u8::BITS | u32::from(folded) << (u32::BITS - u8::BITS);
            if self.0[hash(prefix)] {
                return Some((text.len() - rest.len(), prefix));
            }
        }
        None
    }
}

/// The range of the significant bytes of which the last is at `last`; `None` if there are fewer than [`PREFIX`].
fn span(text: &[u8], last: usize) -> Option<Range<usize>> {
    let before = text.get(..=last)?.iter().enumerate().rev();
    let (first, _) = before.filter(|(_, byte)| is_significant(**byte)).nth(PREFIX - 1)?;
    Some(first..last + 1)
}

/// A prefix as a number, regardless of case: the bit that distinguishes `A` from `a` is set in each byte. That maps some
/// other characters to the same number too, which costs an unnecessary comparison.
pub(super) fn folded(prefix: [u8; PREFIX]) -> u32 {
    u32::from_le_bytes(prefix) | 0x2020_2020
}

/// The place of a prefix in the table.
fn hash(prefix: u32) -> usize {
    // Knuth's multiplicative hash: the upper bits of the product depend on all bits of the prefix.
    (prefix.wrapping_mul(0x9E37_79B1) >> (u32::BITS - LOG2_BYTES)) as usize
}

/// Whether a byte is neither white space nor NUL. UTF-16 has a NUL beside every ASCII character.
pub(super) const fn is_significant(byte: u8) -> bool {
    byte != 0 && !is_white_space(byte)
}

pub(super) const fn is_white_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}
