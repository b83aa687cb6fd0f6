//! What a caller asks for.

use std::fmt;

use cofferdam_config::Shown;
use cofferdam_config::json::repair;
use serde_json::{Map, Value};

/// A call of one tool.
#[derive(Debug, Clone)]
pub struct CallRequest {
    /// The module's name.
    pub module: String,
    /// The tool's name.
    pub tool: String,
    /// The tool's arguments.
    pub arguments: Map<String, Value>,
    /// The account's name. If absent, a read uses the module's default account.
    pub account: Option<String>,
    /// Whether the whole answer is returned instead of what the manifest selects.
    pub full: bool,
}

/// Why a string is not arguments. Its `Display` continues a sentence about the string, and quotes nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvalidArguments {
    NotJson,
    /// It is JSON except for a string that cannot be read.
    Unreadable,
    NotAnObject,
}

impl Shown for InvalidArguments {}

impl fmt::Display for InvalidArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotJson => "a string that is not JSON",
            Self::Unreadable => "a string whose JSON has half of a surrogate pair or a raw control character",
            Self::NotAnObject => "a string with another JSON value",
        })
    }
}

/// Parses arguments that are written as a string. An empty one and `null` are no arguments.
///
/// # Errors
///
/// Returns why it is not a JSON object.
pub(crate) fn parse_arguments(text: &str) -> Result<Map<String, Value>, InvalidArguments> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(InvalidArguments::NotAnObject),
        Err(_) if serde_json::from_slice::<serde::de::IgnoredAny>(&repair(text.as_bytes())).is_ok() => {
            Err(InvalidArguments::Unreadable)
        }
        Err(_) => Err(InvalidArguments::NotJson),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_arguments_may_be_written_in_every_way() {
        for text in ["", "  ", "null", " null\n", "{}", "{ }"] {
            assert_eq!(parse_arguments(text), Ok(Map::new()), "{text:?}");
        }
        assert_eq!(parse_arguments("{\"a\": 1}").unwrap()["a"], 1);
    }

    #[test]
    fn what_is_no_object_is_told_apart() {
        for (text, invalid) in [
            ("{", InvalidArguments::NotJson),
            ("owner=me", InvalidArguments::NotJson),
            ("[]", InvalidArguments::NotAnObject),
            ("1", InvalidArguments::NotAnObject),
            ("\"null\"", InvalidArguments::NotAnObject),
            ("{\"a\": \"\\ud83d\"}", InvalidArguments::Unreadable),
            ("{\"a\": \"x\ny\"}", InvalidArguments::Unreadable),
        ] {
            assert_eq!(parse_arguments(text), Err(invalid), "{text:?}");
        }
    }
}
