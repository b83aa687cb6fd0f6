//! Skips nearly all positions of a text at which no credential begins.
//!
//! Each call has its own credential, so the matcher is built for each call. Building an automaton takes longer than
//! searching a usual answer. This filter is a table of bits instead: each encoding sets one bit, by a hash of its
//! first bytes. If the bit of a position is not set, no encoding begins there. If it is set, the encodings are
//! compared.

use zeroize::Zeroizing;

use super::encodings::Encoding;

/// How many bytes of an encoding are hashed. The shortest encoding is longer.
const PREFIX: usize = 4;

/// The binary logarithm of the table's size in bits. 8 KiB fit the processor's L1 cache, and of a text without the
/// credential about one position in some thousands is compared unnecessarily.
const LOG2_BITS: u32 = 16;

/// The prefixes of a set of encodings.
pub(super) struct PrefixFilter(Zeroizing<Vec<u64>>);

impl PrefixFilter {
    pub(super) fn new(encodings: &[Encoding]) -> Self {
        let mut table = Zeroizing::new(vec![0; 1 << (LOG2_BITS - 6)]);
        for encoding in encodings {
            match encoding.bytes().first_chunk() {
                Some(prefix) => {
                    let (word, bit) = bit_of(prefix);
                    table[word] |= bit;
                }
                // Too short to have a prefix: it may begin anywhere.
                None => table.fill(u64::MAX),
            }
        }
        Self(table)
    }

    /// The positions in `bytes` at which an encoding may begin, in order.
    pub(super) fn candidates(&self, bytes: &[u8]) -> impl Iterator<Item = usize> {
        bytes.windows(PREFIX).enumerate().filter_map(|(position, prefix)| {
            let (word, bit) = bit_of(prefix.first_chunk()?);
            (self.0[word] & bit != 0).then_some(position)
        })
    }
}

/// The word and the bit of a prefix, regardless of case: the bit that distinguishes `A` from `a` is set in each byte.
/// That maps some other characters to the same bit too, which costs an unnecessary comparison.
fn bit_of(prefix: &[u8; PREFIX]) -> (usize, u64) {
    let folded = u32::from_le_bytes(*prefix) | 0x2020_2020;
    // Knuth's multiplicative hash: the upper bits of the product depend on all bits of the prefix.
    let hash = folded.wrapping_mul(0x9E37_79B1) >> (u32::BITS - LOG2_BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}
