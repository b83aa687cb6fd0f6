//! What no service accepts in the value of a field, whichever kind of credential it is part of.
//!
//! A call, `secret set` and `doctor` judge a value by this one rule.

use std::fmt;

use cofferdam_config::Shown;
use cofferdam_vault::files::BYTE_ORDER_MARK;

/// What is wrong with a value that is not empty. Its `Display` continues a sentence that names the field:
/// `starts or ends with white space, …`. It holds nothing of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldDefect {
    /// White space at its start or its end, as a pasted value or `echo` leaves it.
    WhiteSpaceAround,
    /// The mark that some editors put at the start of a text.
    ByteOrderMark,
    /// A line break or another control character inside.
    ControlCharacter,
}

impl FieldDefect {
    /// Returns the defect of `value`, if it has one. A PEM key has several lines and may end with a line break.
    pub(crate) fn find(value: &str) -> Option<Self> {
        if value.starts_with(BYTE_ORDER_MARK) {
            Some(Self::ByteOrderMark)
        } else if value.starts_with("-----BEGIN") {
            None
        } else if value.trim() != value {
            Some(Self::WhiteSpaceAround)
        } else if value.contains(char::is_control) {
            Some(Self::ControlCharacter)
        } else {
            None
        }
    }
}

impl Shown for FieldDefect {}

impl fmt::Display for FieldDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WhiteSpaceAround => "starts or ends with white space, which no service accepts",
            Self::ByteOrderMark => "starts with a byte-order mark, which no service accepts",
            Self::ControlCharacter => {
                "contains a line break or another control character, which no service accepts"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_badly_pasted_value_has_a_defect() {
        for good in [
            "t0ken",
            "pass word",
            "-----BEGIN KEY-----\nx\n-----END KEY-----\n",
            "\"",
            "ü",
            "#x",
            "\u{200b}x",
        ] {
            assert_eq!(FieldDefect::find(good), None, "{good:?}");
        }
        for (bad, defect) in [
            ("t0ken\n", FieldDefect::WhiteSpaceAround),
            ("t0ken\r\n", FieldDefect::WhiteSpaceAround),
            ("\tt0ken", FieldDefect::WhiteSpaceAround),
            ("t0ken\u{a0}", FieldDefect::WhiteSpaceAround),
            ("\u{feff}t0ken", FieldDefect::ByteOrderMark),
            ("\u{feff}-----BEGIN KEY-----", FieldDefect::ByteOrderMark),
            ("t0\nken", FieldDefect::ControlCharacter),
            ("t0ken\0", FieldDefect::ControlCharacter),
        ] {
            assert_eq!(FieldDefect::find(bad), Some(defect), "{bad:?}");
        }
    }
}
