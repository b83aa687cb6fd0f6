//! The places of a text at which a credential may begin: nearly all others are passed over at a glance.
//!
//! Each call has a credential of its own, so what finds it is made for each call, and an automaton takes longer to make than
//! a usual answer takes to look through. Here each form sets one bit of a table, by its first bytes. Where the bit of a
//! place in the text is not set, no form begins there; where it is, the forms have to be compared.

use zeroize::Zeroizing;

use super::forms::Form;

/// How many of a form's first bytes count; fewer than the shortest form has.
const HEAD: usize = 4;

/// The table has two to the power of this many bits: 8 KiB, so that it stays in the processor's nearest cache, and of a text
/// that has nothing to do with the credential one place in some thousands is compared in vain.
const POWER: u32 = 16;

/// Which heads there are.
pub(super) struct Heads(Zeroizing<Vec<u64>>);

impl Heads {
    /// The heads of `forms`.
    pub(super) fn of(forms: &[Form]) -> Self {
        let mut table = Zeroizing::new(vec![0; 1 << (POWER - 6)]);
        for form in forms {
            match form.bytes().first_chunk() {
                Some(head) => {
                    let (word, bit) = slot(head);
                    table[word] |= bit;
                }
                // Too short to have a head: it may begin anywhere.
                None => table.fill(u64::MAX),
            }
        }
        Self(table)
    }

    /// Where in `bytes` a form may begin, in order.
    pub(super) fn places(&self, bytes: &[u8]) -> impl Iterator<Item = usize> {
        bytes.windows(HEAD).enumerate().filter_map(|(place, head)| {
            let (word, bit) = slot(head.first_chunk()?);
            (self.0[word] & bit != 0).then_some(place)
        })
    }
}

/// The word and the bit of a head, without regard to case: what tells `A` from `a` is set in every byte. That takes some
/// other characters for each other too, and costs no more than a comparison in vain.
fn slot(head: &[u8; HEAD]) -> (usize, u64) {
    let folded = u32::from_le_bytes(*head) | 0x2020_2020;
    // Knuth's multiplicative hash: the upper bits of the product depend on all bits of the head.
    let hash = folded.wrapping_mul(0x9E37_79B1) >> (u32::BITS - POWER);
    ((hash >> 6) as usize, 1 << (hash & 63))
}
