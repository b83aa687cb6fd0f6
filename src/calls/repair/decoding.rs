//! How much memory the strings of one call may take that are decoded as JSON.

use crate::json_meter::measure;

/// The maximum, in bytes. A request that decodes to less is not a large one, whose memory would have to be reserved.
const MAX_DECODED_BYTES: u64 = 256 * 1024;

/// The memory that is left for decoded strings.
pub(super) struct DecodingBudget(u64);

impl DecodingBudget {
    pub(super) fn new() -> Self {
        Self(MAX_DECODED_BYTES)
    }

    /// Takes what `text` needs once it is decoded. Returns whether that was left.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let left = self.0.checked_sub(measure(text.as_bytes()).bytes);
        left.map(|left| self.0 = left).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decoded_has_a_bound() {
        let mut budget = DecodingBudget::new();
        assert!(budget.take("[1, 2, 3]"));
        assert!(!budget.take(&format!("[{}0]", "{\"\":0},".repeat(2000))));
        let text = format!("[{}0]", "0,".repeat(1000));
        let times = (0..100).take_while(|_| budget.take(&text)).count();
        assert!((1..5).contains(&times), "{times}");
        assert!(!budget.take("{\"$serde_json::private::Number\": \"7\"}"), "its size is not known");
    }
}
