//! Sizes in bytes as settings write them: `"4MiB"`, `"512 KiB"`, `"100B"`.

use cofferdam_config_macros::text;

use crate::{Diagnostic, Text, quote};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const UNITS: [(&str, u64); 3] = [("KiB", KIB), ("MiB", MIB), ("B", 1)];

/// Parses a size above zero that memory can hold, in bytes.
///
/// # Errors
///
/// A diagnostic without a key. It quotes `text` by the rule of [`quote`].
pub fn parse(text: &str) -> Result<u64, Diagnostic> {
    bytes(text).ok_or_else(|| {
        let message = match quote::number_with_unit(text) {
            Some(quoted) => text!("{quoted} is not a size above zero"),
            None => "this is not a size above zero".into(),
        };
        Diagnostic::error("", message, "write a number and a unit: \"4MiB\", \"512KiB\"")
    })
}

fn bytes(text: &str) -> Option<u64> {
    let (number, factor) =
        UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), factor)))?;
    let bytes = number.parse::<u64>().ok()?.checked_mul(*factor)?;
    (bytes > 0 && usize::try_from(bytes).is_ok()).then_some(bytes)
}

/// A size for people: `4 MiB`, `1500 bytes`.
pub fn format(bytes: u64) -> Text {
    match bytes {
        b if b > 0 && b.is_multiple_of(MIB) => text!("{} MiB", b / MIB),
        b if b > 0 && b.is_multiple_of(KIB) => text!("{} KiB", b / KIB),
        b => text!("{b} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit() {
        assert_eq!(parse("4MiB"), Ok(4 * 1024 * 1024));
        assert_eq!(parse("512 KiB"), Ok(512 * 1024));
        assert_eq!(parse("7B"), Ok(7));
        for bad in ["", "4", "4MB", "-1B", "0B", "MiB", "99999999999999999999B", "99999999999999999MiB"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(parse("4MB").unwrap_err().message, "\"4MB\" is not a size above zero");
    }

    #[test]
    fn a_size_reads_well() {
        assert_eq!(format(4 * 1024 * 1024), "4 MiB");
        assert_eq!(format(1024), "1 KiB");
        assert_eq!(format(1500), "1500 bytes");
    }
}
