//! Durations as settings write them: `"30s"`, `"1m 30s"`.

use std::time::Duration;

use cofferdam_config_macros::text;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::{Diagnostic, Shown, quote};

/// A pattern of JSON Schema that nearly describes what [`parse`] accepts; it names no units.
pub const PATTERN: &str = "^(0|([0-9]+ *[A-Za-z]+ *)+)$";

/// What to write for a duration, for the end of a sentence that begins with "write".
pub const EXPECTED: &str = "a duration with its unit in double quotes, such as \"30s\" or \"5m\"";

/// Parses a duration: numbers with units (`ms`, `s`, `m`, `h`, `d`, …), or `0`.
///
/// # Errors
///
/// A diagnostic without a key. It quotes `text` by the rule of [`quote`].
pub fn parse(text: &str) -> Result<Duration, Diagnostic> {
    humantime::parse_duration(text).map_err(|_| {
        let message = match quote::number_with_unit(text) {
            Some(quoted) => text!("{quoted} is not a duration"),
            None => "this is not a duration".into(),
        };
        Diagnostic::error("", message, text!("write {EXPECTED}"))
    })
}

/// `duration` as [`parse`] reads it: `1m 30s`.
pub fn format(duration: Duration) -> impl Shown {
    humantime::format_duration(duration)
}

/// Deserializes a duration with [`parse`], for `#[serde(deserialize_with = "cofferdam_config::duration::deserialize")]`.
///
/// # Errors
///
/// Those of [`parse`], and a value that is not a string.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(D::Error::custom)
}

/// The least and the greatest duration that a setting may have, both allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The least.
    pub least: Duration,
    /// The greatest.
    pub most: Duration,
}

impl Bounds {
    /// Returns `duration` if it is within the bounds.
    ///
    /// # Errors
    ///
    /// A diagnostic without a key, which names the bounds.
    pub fn check(self, duration: Duration) -> Result<Duration, Diagnostic> {
        let wrong = match duration {
            _ if duration < self.least => "short",
            _ if duration > self.most => "long",
            _ => return Ok(duration),
        };
        Err(Diagnostic::error(
            "",
            text!("{} is too {wrong}", format(duration)),
            text!("write a duration from \"{}\" to \"{}\"", format(self.least), format(self.most)),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(parse("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("0"), Ok(Duration::ZERO));
        for (wrong, message) in [
            ("30", "30 is not a duration"),
            ("5 sceonds", "\"5 sceonds\" is not a duration"),
            ("hunter2", "this is not a duration"),
            ("", "this is not a duration"),
        ] {
            assert_eq!(parse(wrong).unwrap_err().message, message);
        }
    }

    #[test]
    fn bounds_are_inclusive_and_named() {
        let bounds = Bounds { least: Duration::from_millis(1), most: Duration::from_secs(90) };
        for within in [bounds.least, Duration::from_secs(1), bounds.most] {
            assert_eq!(bounds.check(within), Ok(within));
        }
        let long = bounds.check(Duration::from_secs(91)).unwrap_err();
        assert_eq!(long.to_string(), "1m 31s is too long; write a duration from \"1ms\" to \"1m 30s\"");
        assert_eq!(bounds.check(Duration::ZERO).unwrap_err().message, "0s is too short");
    }
}
