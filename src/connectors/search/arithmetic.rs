//! The functions that calculate.
//!
//! The crate calculates with floats: to it the sum of `9007199254740993` and `0` is `9007199254740992`. Here every digit
//! counts, except for an average that has no end.

use std::rc::Rc;

use jmespath::ast::Ast;
use num_bigint::{BigInt, Sign};
use serde_json::{Number, Value};

use super::{Found, Search, SearchError};
use crate::connectors::decimal::{self, Scaled};

/// How many digits an average has after those of the sum if it has no end: as many as a decimal of 128 bits (IEEE 754).
const QUOTIENT_DIGITS: u32 = 34;

impl<'v> Search<'v> {
    /// Calls the function `name` if it calculates and its argument is what it takes; `None` otherwise.
    ///
    /// # Errors
    ///
    /// [`SearchError::TooLarge`] if a number has too many digits to calculate with.
    pub(super) fn call_arithmetic(
        &mut self,
        data: &Found<'v>,
        name: &str,
        args: &'v [Ast],
    ) -> Result<Option<Found<'v>>, SearchError> {
        let ("abs" | "avg" | "ceil" | "floor" | "sum", [arg]) = (name, args) else { return Ok(None) };
        let arg = self.evaluate(data, arg)?;
        let number = match (name, arg.length()) {
            ("avg" | "sum", Some(count)) => {
                let mut sum = Scaled { mantissa: BigInt::ZERO, exponent: 0 };
                for at in 0..count {
                    let item = self.child(arg.item(at))?;
                    let Some(Value::Number(number)) = item.value() else { return Ok(None) };
                    sum = add(sum, scaled(number)?);
                }
                match (name, count) {
                    ("sum", _) => sum,
                    ("avg", 0) => return Ok(Some(Found::NULL)),
                    _ => divide(&sum, count),
                }
            }
            ("abs" | "ceil" | "floor", None) => {
                let Some(Value::Number(number)) = arg.value() else { return Ok(None) };
                let Scaled { mantissa, exponent } = scaled(number)?;
                match name {
                    "abs" => Scaled { mantissa: BigInt::from(mantissa.into_parts().1), exponent },
                    "ceil" => negated(floor(&negated(Scaled { mantissa, exponent }))),
                    _ => floor(&Scaled { mantissa, exponent }),
                }
            }
            _ => return Ok(None),
        };
        let number = number.into_number();
        self.spend(number.as_str().len() as u64)?;
        Ok(Some(Found::Owned(Rc::new(Value::Number(number)))))
    }
}

fn scaled(number: &Number) -> Result<Scaled, SearchError> {
    decimal::scaled(number).ok_or(SearchError::TooLarge)
}

fn ten_to(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

/// The mantissa of `number` with the exponent `exponent`, which is not greater than its own.
fn mantissa_at(number: Scaled, exponent: i32) -> BigInt {
    match number.exponent.abs_diff(exponent) {
        0 => number.mantissa,
        shift => number.mantissa * ten_to(shift),
    }
}

fn add(one: Scaled, other: Scaled) -> Scaled {
    let exponent = one.exponent.min(other.exponent);
    Scaled { mantissa: mantissa_at(one, exponent) + mantissa_at(other, exponent), exponent }
}

/// `sum` divided by `count`, rounded to the nearest after [`QUOTIENT_DIGITS`] further digits.
fn divide(sum: &Scaled, count: usize) -> Scaled {
    let count = BigInt::from(count);
    let scaled = &sum.mantissa * ten_to(QUOTIENT_DIGITS);
    let (quotient, rest) = (&scaled / &count, &scaled % &count);
    let away = match rest.sign() {
        Sign::Minus if -(&rest) * 2 >= count => -1,
        Sign::Plus if &rest * 2 >= count => 1,
        _ => 0,
    };
    let digits = i32::try_from(QUOTIENT_DIGITS).unwrap_or_default();
    Scaled { mantissa: quotient + away, exponent: sum.exponent - digits }
}

/// The greatest integer that is not greater than `number`.
fn floor(number: &Scaled) -> Scaled {
    let Scaled { mantissa, exponent } = number;
    if *exponent >= 0 {
        return Scaled { mantissa: mantissa.clone(), exponent: *exponent };
    }
    let unit = ten_to(exponent.unsigned_abs());
    let below = if (mantissa % &unit).sign() == Sign::Minus { 1 } else { 0 };
    Scaled { mantissa: mantissa / &unit - below, exponent: 0 }
}

fn negated(number: Scaled) -> Scaled {
    Scaled { mantissa: -number.mantissa, exponent: number.exponent }
}
