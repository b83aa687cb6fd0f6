//! A buffer for what a child writes, of which no copy stays behind.

use zeroize::Zeroizing;

/// The first bytes of a stream, and how many there were.
pub(super) struct Buffer {
    bytes: Zeroizing<Vec<u8>>,
    max_kept: usize,
    total: usize,
}

impl Buffer {
    /// A buffer that keeps the first `max_kept` bytes.
    pub(super) fn new(max_kept: usize) -> Self {
        Self { bytes: Zeroizing::default(), max_kept, total: 0 }
    }

    /// Adds `more`.
    pub(super) fn push(&mut self, more: &[u8]) {
        self.total = self.total.saturating_add(more.len());
        let more = &more[..more.len().min(self.max_kept - self.bytes.len())];
        let needed = self.bytes.len() + more.len();
        if needed > self.bytes.capacity() {
            // A vector that grows by itself would leave a copy.
            let capacity = needed.max(self.bytes.capacity().saturating_mul(2)).min(self.max_kept);
            let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
        self.bytes.extend_from_slice(more);
    }

    /// How many bytes the stream had, kept or not.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// The bytes that were kept.
    pub(super) fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_are_kept_and_all_are_counted() {
        let mut buffer = Buffer::new(5);
        for part in ["ab", "", "cd", "ef", "gh"] {
            buffer.push(part.as_bytes());
        }
        assert_eq!((buffer.total(), buffer.into_bytes().as_slice()), (8, &b"abcde"[..]));
    }
}
