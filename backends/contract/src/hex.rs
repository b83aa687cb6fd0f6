//! Bytes in hexadecimal.

use std::fmt::Write as _;

/// `bytes` in lowercase hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The inverse of [`hex`], for an array; `None` for anything else than the digits of `N` bytes.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(16 * digit(0)? + digit(1)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_their_digits_are_converted_and_nothing_else() {
        assert_eq!(hex(&[0x00, 0x0a, 0xff]), "000aff");
        assert_eq!(from_hex("000aFF"), Some([0x00, 0x0a, 0xff]));
        for wrong in ["", "000af", "000aff0", "000afg", "+00aff", "00äff", " 00aff"] {
            assert_eq!(from_hex::<3>(wrong), None, "{wrong}");
        }
    }
}
