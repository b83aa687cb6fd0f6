//! Skips nearly all positions of a text at which no credential begins.
//!
//! Each call has its own credential, so the matcher is built for each call. Building an automaton takes longer than
//! searching a usual answer. This filter is a table of bits instead: each encoding sets one bit, by a hash of its
//! first bytes. If the bit of a position is not set, no encoding begins there. If it is set, the encodings with these first
//! bytes are compared.
//!
//! White space and NUL are no part of the first bytes, so an encoding is found by one pass also if it is broken by them.

use std::ops::Range;

use zeroize::Zeroizing;

/// How many significant bytes of an encoding are hashed. The shortest encoding is longer.
const PREFIX: usize = 4;

/// The binary logarithm of the table's size in bits. 8 KiB fit the processor's L1 cache, and of a text without the
/// credential about one position in some thousands is looked up unnecessarily.
const LOG2_BITS: u32 = 16;

/// The prefixes of a set of encodings.
pub(super) struct PrefixFilter(Zeroizing<Vec<u64>>);

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
        let mut table = Zeroizing::new(vec![0; 1 << (LOG2_BITS - 6)]);
        for prefix in prefixes {
            let (word, bit) = bit_of(prefix);
            table[word] |= bit;
        }
        Self(table)
    }

    /// The positions in `text` at which an encoding may begin, in order.
    pub(super) fn candidates(&self, text: &[u8]) -> impl Iterator<Item = Candidate> {
        let mut prefix = 0;
        text.iter().enumerate().filter_map(move |(last, &byte)| {
            if !is_significant(byte) {
                return None;
            }
            prefix = prefix >> u8::BITS | (u32::from(byte) | 0x20) << (u32::BITS - u8::BITS);
            let (word, bit) = bit_of(prefix);
            (self.0[word] & bit != 0).then(|| Some(Candidate { span: span(text, last)?, prefix })).flatten()
        })
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

/// The word and the bit of a prefix.
fn bit_of(prefix: u32) -> (usize, u64) {
    // Knuth's multiplicative hash: the upper bits of the product depend on all bits of the prefix.
    let hash = prefix.wrapping_mul(0x9E37_79B1) >> (u32::BITS - LOG2_BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

/// Whether a byte is neither white space nor NUL. UTF-16 has a NUL beside every ASCII character.
pub(super) fn is_significant(byte: u8) -> bool {
    byte != 0 && !is_white_space(byte)
}

pub(super) fn is_white_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}
