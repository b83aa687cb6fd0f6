//! Exact decimal numbers: as text where a request has no JSON, in the order of their values, and to calculate with.

use std::cmp::Ordering;

use num_bigint::BigInt;
use serde_json::Number;

/// The most zeros that a number gets which it does not have as written.
const MAX_ZEROS: usize = 1_000;

/// The most digits of a number to calculate with, and the greatest exponent in either direction: those of a float and more.
/// What longer ones cost grows with the square of their digits.
const MAX_DIGITS: i32 = 400;

/// The value of a number: 0.DIGITS times ten to the power of `point`, with a sign. Zero has no digits and no sign.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    /// Without zeros at either end.
    digits: String,
    /// Exact up to an exponent of 38 digits; beyond, all are as large, or as small, as each other.
    point: i128,
    /// How many digits it was written with, zeros included.
    written: usize,
}

impl Decimal {
    fn new(number: &Number) -> Self {
        let text = number.as_str();
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        let written = all.len();
        let digits = all.trim_start_matches('0');
        let leading = written - digits.len();
        let digits = digits.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Self { negative: false, digits, point: 0, written };
        }
        let exponent =
            exponent.parse().unwrap_or(if exponent.starts_with('-') { i128::MIN } else { i128::MAX });
        let point = exponent.saturating_add(length(whole.len())).saturating_sub(length(leading));
        Self { negative, digits, point, written }
    }

    /// The order of the values without their signs. Without zeros at the end, digits are in the order of their text.
    fn compare_magnitude(&self, other: &Self) -> Ordering {
        let zero = |decimal: &Self| decimal.digits.is_empty();
        match (zero(self), zero(other)) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.point.cmp(&other.point).then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

fn length(count: usize) -> i128 {
    i128::try_from(count).unwrap_or(i128::MAX)
}

/// The order of the values of two numbers, however they are written: `1.0` is equal to `1`.
///
/// No digit is lost, as it would be in a float.
pub(super) fn compare(one: &Number, other: &Number) -> Ordering {
    if let (Some(one), Some(other)) = (one.as_i64(), other.as_i64()) {
        return one.cmp(&other);
    }
    let (one, other) = (Decimal::new(one), Decimal::new(other));
    match (one.negative, other.negative) {
        (false, false) => one.compare_magnitude(&other),
        (true, true) => other.compare_magnitude(&one),
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
    }
}

/// The number in plain notation: without an exponent, without zeros that mean nothing, and without the sign of a zero.
/// `42.0` and `4.2e1` are the integer `42` to a JSON Schema, and so they are to a service.
///
/// `None` if its exponent would add more than [`MAX_ZEROS`] zeros.
pub(super) fn plain(number: &Number) -> Option<String> {
    let Decimal { negative, digits, point, written } = Decimal::new(number);
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    let sign = if negative { "-" } else { "" };
    let most = MAX_ZEROS.max(written);
    let zeros = |count: i128| {
        let count = usize::try_from(count).ok().filter(|count| *count <= most)?;
        Some("0".repeat(count))
    };
    Some(if point <= 0 {
        format!("{sign}0.{}{digits}", zeros(point.checked_neg()?)?)
    } else if point >= length(digits.len()) {
        format!("{sign}{digits}{}", zeros(point - length(digits.len()))?)
    } else {
        let (whole, fraction) = digits.split_at_checked(usize::try_from(point).ok()?)?;
        format!("{sign}{whole}.{fraction}")
    })
}

/// A number to calculate with: `mantissa` times ten to the power of `exponent`.
#[derive(Debug)]
pub(super) struct Scaled {
    pub(super) mantissa: BigInt,
    pub(super) exponent: i32,
}

impl Scaled {
    /// The number in plain notation, or with an exponent if it has too many zeros for that.
    pub(super) fn into_number(self) -> Number {
        let text = format!("{}e{}", self.mantissa, self.exponent);
        // Both are JSON numbers, as they are written here.
        let number = text.parse().unwrap_or_else(|_| Number::from(0));
        plain(&number).and_then(|plain| plain.parse().ok()).unwrap_or(number)
    }
}

/// A number to calculate with. `None` if it has more than [`MAX_DIGITS`] digits, or a greater exponent.
pub(super) fn scaled(number: &Number) -> Option<Scaled> {
    let Decimal { negative, digits, point, .. } = Decimal::new(number);
    let most = i128::from(MAX_DIGITS);
    if length(digits.len()) > most || point.checked_abs()? > most {
        return None;
    }
    let exponent = i32::try_from(point - length(digits.len())).ok()?;
    let mantissa: BigInt = if digits.is_empty() { BigInt::ZERO } else { digits.parse().ok()? };
    Some(Scaled { mantissa: if negative { -mantissa } else { mantissa }, exponent })
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

    #[test]
    fn numbers_are_in_the_order_of_their_values() {
        let ascending = [
            &["-1e99999999999999999999"][..],
            &["-12345678901234567890124"],
            &["-12345678901234567890123", "-1.2345678901234567890123e22"],
            &["-9007199254740993"],
            &["-9007199254740992", "-9007199254740992.0"],
            &["-0.1", "-1e-1"],
            &["-1e-400"],
            &["0", "-0", "0.0", "0e9"],
            &["1e-400"],
            &["0.1", "0.10"],
            &["0.10000000000000000001"],
            &["1", "1.0", "10e-1"],
            &["9007199254740992"],
            &["9007199254740993", "9007199254740993.0"],
            &["18446744073709551615"],
            &["18446744073709551616"],
            &["1e400", "10e399"],
        ];
        let number = |text: &&str| text.parse::<Number>().unwrap();
        for (at, same) in ascending.iter().enumerate() {
            for (other_at, others) in ascending.iter().enumerate() {
                for (one, other) in same.iter().flat_map(|one| others.iter().map(move |other| (one, other))) {
                    assert_eq!(compare(&number(one), &number(other)), at.cmp(&other_at), "{one}, {other}");
                }
            }
        }
    }
}
