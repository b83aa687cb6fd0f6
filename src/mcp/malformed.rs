//! The response to input that is not a JSON-RPC message.
//!
//! The input is read without building a tree of its values, since it may be as large as a request, and of any shape.

use std::borrow::Cow;
use std::fmt;

use rmcp::model::{ErrorData, NumberOrString, RequestId, ServerJsonRpcMessage};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Returns the response to `input`, which could not be parsed as a message: a parse error if it is not JSON, else an invalid
/// request. Returns `None` for a notification, which never has a response.
///
/// The parser's message is omitted, since it may quote the input.
pub(crate) fn error_response(input: &[u8]) -> Option<ServerJsonRpcMessage> {
    let Ok(outline) = serde_json::from_slice::<Outline>(input) else {
        return Some(ServerJsonRpcMessage::error(
            ErrorData::parse_error("the message is not JSON", None),
            None,
        ));
    };
    let (message, id) = match outline {
        Outline::Batch => ("batches are not supported; send one message at a time", None),
        Outline::Object { id: Some(Id(id)), .. } => ("the message is not a JSON-RPC 2.0 request of MCP", id),
        Outline::Object { id: None, method: true } => return None,
        Outline::Object { .. } | Outline::Scalar => ("the message is not a JSON-RPC 2.0 message", None),
    };
    Some(ServerJsonRpcMessage::error(ErrorData::invalid_request(message, None), id))
}

/// Returns the request ID of a message, if it has a valid one.
pub(crate) fn request_id(input: &[u8]) -> Option<RequestId> {
    match serde_json::from_slice::<Outline>(input).ok()? {
        Outline::Object { id, .. } => id?.0,
        Outline::Batch | Outline::Scalar => None,
    }
}

/// What a message is, without its content.
enum Outline {
    Batch,
    Object { id: Option<Id>, method: bool },
    Scalar,
}

/// The value of `id`; `None` if it is not a valid one.
struct Id(Option<RequestId>);

/// Reads an [`Outline`] or an [`Id`], and skips what is neither.
macro_rules! skip_scalars {
    ($value:expr) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($value)
        }
    };
}

impl<'de> Deserialize<'de> for Outline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OutlineVisitor;
        impl<'de> Visitor<'de> for OutlineVisitor {
            type Value = Outline;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            skip_scalars!(Outline::Scalar);

            fn visit_i64<E>(self, _: i64) -> Result<Outline, E> {
                Ok(Outline::Scalar)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Outline, E> {
                Ok(Outline::Scalar)
            }

            fn visit_str<E>(self, _: &str) -> Result<Outline, E> {
                Ok(Outline::Scalar)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Outline, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Outline::Batch)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Outline, A::Error> {
                let (mut id, mut method) = (None, false);
                while let Some(Key(key)) = entries.next_key()? {
                    match &*key {
                        "id" => id = Some(entries.next_value()?),
                        key => {
                            method |= key == "method";
                            entries.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Outline::Object { id, method })
            }
        }
        deserializer.deserialize_any(OutlineVisitor)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;
        impl<'de> Visitor<'de> for IdVisitor {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            skip_scalars!(Id(None));

            fn visit_i64<E>(self, number: i64) -> Result<Id, E> {
                Ok(Id(Some(NumberOrString::Number(number))))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Id, E> {
                Ok(Id(number.try_into().ok().map(NumberOrString::Number)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Id, E> {
                Ok(Id(Some(NumberOrString::String(text.into()))))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Id, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Id(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Id, A::Error> {
                while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Id(None))
            }
        }
        deserializer.deserialize_any(IdVisitor)
    }
}

/// The key of an object, borrowed unless it has escapes. Transparent, because a number with a fraction is an object too, whose
/// key is no other type than a string.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn code_and_id(sent: &str) -> Option<(i64, Value)> {
        let value = serde_json::to_value(error_response(sent.as_bytes())?).unwrap();
        Some((value["error"]["code"].as_i64().unwrap(), value["id"].clone()))
    }

    #[test]
    fn each_kind_of_malformed_input_has_its_response() {
        assert_eq!(code_and_id("{\"jsonrpc\":"), Some((-32700, Value::Null)));
        assert_eq!(code_and_id("\u{1}"), Some((-32700, Value::Null)));
        assert_eq!(code_and_id("[]"), Some((-32600, Value::Null)));
        assert_eq!(code_and_id("[1, {\"id\": 7}]"), Some((-32600, Value::Null)));
        for scalar in ["7", "-7", "1.5", "null", "true", "\"x\""] {
            assert_eq!(code_and_id(scalar), Some((-32600, Value::Null)), "{scalar}");
        }
        assert_eq!(code_and_id("{\"id\":7,\"method\":3}"), Some((-32600, Value::from(7))));
        assert_eq!(code_and_id("{\"\\u0069d\":\"a\\n\"}"), Some((-32600, Value::from("a\n"))));
        for id in ["[{\"a\":[]}]", "{\"a\":{\"b\":1}}", "null", "1.5", "18446744073709551615"] {
            assert_eq!(code_and_id(&format!("{{\"id\":{id}}}")), Some((-32600, Value::Null)), "{id}");
        }
        assert_eq!(code_and_id("{\"method\":\"notifications/x\",\"params\":3}"), None);
    }

    #[test]
    fn the_request_id_is_found_wherever_it_is() {
        assert_eq!(request_id(b"{\"params\":{\"id\":1},\"id\":2}"), Some(NumberOrString::Number(2)));
        assert_eq!(request_id(b"{\"params\":{\"id\":1}}"), None);
        assert_eq!(request_id(b"{\"id\":2"), None);
    }
}
