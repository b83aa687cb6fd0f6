//! What a message is, without its content.
//!
//! The message is read without building a tree of its values, since it may be as large as a request, and of any shape.

use std::borrow::Cow;
use std::fmt;

use cofferdam_config::json::repair;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What a text is that arrives as a message.
pub(super) enum Outline {
    /// It is not JSON.
    NotJson,
    /// An array.
    Batch,
    /// A string, a number, a boolean or `null`.
    Scalar,
    Message(Message),
}

/// The members of an object that decide what it is. Each is as it is written, and the last of two with one name.
#[derive(Debug, Default)]
pub(super) struct Message {
    pub(super) jsonrpc: Option<Box<RawValue>>,
    pub(super) id: Option<Box<RawValue>>,
    pub(super) method: Option<Box<RawValue>>,
    pub(super) params: Option<Params>,
    /// Whether it has a `result` or an `error`.
    pub(super) is_response: bool,
    /// A member that is there twice.
    pub(super) duplicate: Option<&'static str>,
    /// Whether a string of the message was repaired, so that the others could be read.
    pub(super) repaired: bool,
}

/// What `params` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Params {
    Null,
    Object,
    /// An object whose `_meta` is something else than an object.
    InvalidMeta,
    Other,
}

impl Outline {
    /// Reads a text, whatever its strings contain and however deep it is.
    pub(super) fn read(input: &[u8]) -> Self {
        let readable = repair(input);
        match first(&readable) {
            Some(b'{') => serde_json::from_slice(&readable).map_or(Self::NotJson, |message| {
                Self::Message(Message { repaired: matches!(readable, Cow::Owned(_)), ..message })
            }),
            _ if serde_json::from_slice::<IgnoredAny>(&readable).is_err() => Self::NotJson,
            Some(b'[') => Self::Batch,
            _ => Self::Scalar,
        }
    }
}

/// The first byte that is not white space.
fn first(json: &[u8]) -> Option<u8> {
    json.trim_ascii_start().first().copied()
}

/// Whether a value as it is written is an object.
fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MessageVisitor;
        impl<'de> Visitor<'de> for MessageVisitor {
            type Value = Message;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Message, A::Error> {
                let mut message = Message::default();
                while let Some(Key(key)) = members.next_key()? {
                    let value: &RawValue = members.next_value()?;
                    let (name, before) = match &*key {
                        "jsonrpc" => ("jsonrpc", message.jsonrpc.replace(value.to_owned()).is_some()),
                        "id" => ("id", message.id.replace(value.to_owned()).is_some()),
                        "method" => ("method", message.method.replace(value.to_owned()).is_some()),
                        "params" => ("params", message.params.replace(Params::from_json(value)).is_some()),
                        "result" | "error" => {
                            message.is_response = true;
                            continue;
                        }
                        _ => continue,
                    };
                    if before {
                        message.duplicate = Some(name);
                    }
                }
                Ok(message)
            }
        }
        deserializer.deserialize_map(MessageVisitor)
    }
}

impl Params {
    fn from_json(value: &RawValue) -> Self {
        /// The last `_meta`, if there is one.
        struct Meta<'a>(Option<&'a RawValue>);
        impl<'de: 'a, 'a> Deserialize<'de> for Meta<'a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct MetaVisitor;
                impl<'de> Visitor<'de> for MetaVisitor {
                    type Value = Meta<'de>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Meta<'de>, A::Error> {
                        let mut meta = None;
                        while let Some(Key(key)) = members.next_key()? {
                            let value: &RawValue = members.next_value()?;
                            if key == "_meta" {
                                meta = Some(value);
                            }
                        }
                        Ok(Meta(meta))
                    }
                }
                deserializer.deserialize_map(MetaVisitor)
            }
        }
        if value.get() == "null" {
            return Self::Null;
        }
        match serde_json::from_str::<Meta<'_>>(value.get()) {
            Ok(Meta(Some(meta))) if !is_object(meta) && meta.get() != "null" => Self::InvalidMeta,
            Ok(_) => Self::Object,
            Err(_) => Self::Other,
        }
    }
}

/// The key of an object, borrowed unless it has escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
