//! Sizes and durations as manifests write them.

use std::time::Duration;

const UNITS: [(&str, u64); 3] = [("KiB", 1024), ("MiB", 1024 * 1024), ("B", 1)];

/// `"4MiB"`, `"512KiB"` or `"100B"` in bytes; `None` for anything else, for zero, and for what does not fit.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let (number, factor) =
        UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), factor)))?;
    number
        .parse::<u64>()
        .ok()?
        .checked_mul(*factor)
        .filter(|&bytes| bytes > 0 && usize::try_from(bytes).is_ok())
}

/// `"30s"` or `"1m 30s"`; `None` for anything else and for zero.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok().filter(|duration| !duration.is_zero())
}

/// A size for people: `4 MiB`, `1500 bytes`.
pub(super) fn show_size(bytes: u64) -> String {
    match bytes {
        b if b > 0 && b.is_multiple_of(1024 * 1024) => format!("{} MiB", b / (1024 * 1024)),
        b if b > 0 && b.is_multiple_of(1024) => format!("{} KiB", b / 1024),
        b => format!("{b} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit() {
        assert_eq!(parse_size("4MiB"), Some(4 * 1024 * 1024));
        assert_eq!(parse_size("512 KiB"), Some(512 * 1024));
        assert_eq!(parse_size("7B"), Some(7));
        for bad in ["", "4", "4MB", "-1B", "0B", "MiB", "99999999999999999999B", "99999999999999999MiB"] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_duration_is_not_zero() {
        assert_eq!(parse_duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(parse_duration("0s"), None);
        assert_eq!(parse_duration("30"), None);
    }

    #[test]
    fn a_size_reads_well() {
        assert_eq!(show_size(4 * 1024 * 1024), "4 MiB");
        assert_eq!(show_size(1024), "1 KiB");
        assert_eq!(show_size(1500), "1500 bytes");
    }
}
