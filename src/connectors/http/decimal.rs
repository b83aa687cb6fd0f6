//! Numbers as text, where a request has no JSON: in a path, a query, a form or a header.

use serde_json::Number;

/// The most zeros that a number gets which it does not have as written.
const MAX_ZEROS: usize = 1_000;

/// The number in plain notation: without an exponent, without zeros that mean nothing, and without the sign of a zero.
/// `42.0` and `4.2e1` are the integer `42` to a JSON Schema, and so they are to a service.
///
/// `None` if its exponent would add more than [`MAX_ZEROS`] zeros.
pub(super) fn plain(number: &Number) -> Option<String> {
    let text = number.as_str();
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |text| ("-", text));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = [whole, fraction].concat();
    let digits = all.trim_start_matches('0');
    // The number is 0.DIGITS times ten to the power of `point`.
    let leading = i64::try_from(all.len() - digits.len()).ok()?;
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    let point =
        exponent.parse::<i64>().ok()?.checked_add(i64::try_from(whole.len()).ok()?)?.checked_sub(leading)?;
    let length = i64::try_from(digits.len()).ok()?;
    let most = MAX_ZEROS.max(all.len());
    let zeros = |count: i64| {
        let count = usize::try_from(count).ok().filter(|count| *count <= most)?;
        Some("0".repeat(count))
    };
    Some(if point <= 0 {
        format!("{sign}0.{}{digits}", zeros(point.checked_neg()?)?)
    } else if point >= length {
        format!("{sign}{digits}{}", zeros(point - length)?)
    } else {
        let (whole, fraction) = digits.split_at_checked(usize::try_from(point).ok()?)?;
        format!("{sign}{whole}.{fraction}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain_text(number: &str) -> Option<String> {
        plain(&number.parse().unwrap())
    }

    #[test]
    fn a_number_has_one_plain_notation() {
        for (plain, written) in [
            ("42", &["42", "42.0", "42.000", "4.2e1", "420E-1", "0.42e+2"][..]),
            ("-7", &["-7", "-7.0", "-70e-1"]),
            ("0", &["0", "-0", "0.0", "-0.00", "0e9", "0e99999999999999999999", "-0E-5"]),
            ("1.5", &["1.5", "1.50", "15e-1", "0.0015e3"]),
            ("0.001", &["0.001", "1e-3", "0.1e-2"]),
            ("-0.25", &["-0.25", "-25e-2"]),
            ("1000", &["1e3", "1000", "1000.0"]),
            ("12345678901234567890123", &["12345678901234567890123", "12345678901234567890123.0"]),
            ("0.12345678901234567890123456789", &["0.12345678901234567890123456789"]),
        ] {
            for written in written {
                assert_eq!(plain_text(written).as_deref(), Some(plain), "{written}");
            }
        }
        assert_eq!(plain_text("1e400"), Some(format!("1{}", "0".repeat(400))));
        assert_eq!(plain_text("1e-400"), Some(format!("0.{}1", "0".repeat(399))));
    }

    #[test]
    fn an_exponent_does_not_fill_the_memory() {
        for written in ["1e1001", "1e-1002", "1e999999999", "-1e-999999999", "1e99999999999999999999"] {
            assert_eq!(plain_text(written), None, "{written}");
        }
        for long in ["7".repeat(5_000), format!("7{}", "0".repeat(5_000))] {
            assert_eq!(plain_text(&long), Some(long));
        }
    }
}
