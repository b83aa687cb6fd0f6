//! Converts what was found to the type that the functions of the `jmespath` crate take, and back.
//!
//! The crate itself reads no number that does not fit 64 bits: with `serde_json`'s feature `arbitrary_precision` such a
//! number is a map to its deserializer. So the literals of an expression, and the strings of `to_number`, are read here.

use std::collections::BTreeMap;
use std::rc::Rc;

use jmespath::{Rcvar, Variable};
use serde_json::Value;

use super::{Found, Search, SearchError};
use crate::json_meter::measure;

/// The bytes of a value and of the pointer to it, in either form.
pub(super) const NODE: u64 = 160;

/// The bytes of an object's table, and of each of its entries, in either form.
const OBJECT: u64 = 384;
const ENTRY: u64 = 200;

impl<'v> Search<'v> {
    /// Copies `found`, and accounts for the copy.
    pub(super) fn convert(&mut self, found: &Found<'_>) -> Result<Rcvar, SearchError> {
        Ok(Rcvar::new(match found {
            Found::Borrowed(value) => self.variable(value)?,
            Found::Owned(value) => self.variable(value)?,
            Found::List(items) => {
                self.spend(NODE)?;
                Variable::Array(items.iter().map(|item| self.convert(item)).collect::<Result<_, _>>()?)
            }
            Found::Object(entries) => {
                self.spend(NODE + OBJECT)?;
                let mut map = BTreeMap::new();
                for (key, value) in entries.iter() {
                    self.spend(ENTRY + key.len() as u64)?;
                    map.insert((*key).to_owned(), self.convert(value)?);
                }
                Variable::Object(map)
            }
        }))
    }

    fn variable(&mut self, value: &Value) -> Result<Variable, SearchError> {
        self.spend(own_bytes(value))?;
        Ok(match value {
            Value::Null => Variable::Null,
            Value::Bool(value) => Variable::Bool(*value),
            Value::Number(number) => Variable::Number(number.clone()),
            Value::String(text) => Variable::String(text.clone()),
            Value::Array(items) => {
                let items = items.iter().map(|item| self.variable(item).map(Rcvar::new));
                Variable::Array(items.collect::<Result<_, _>>()?)
            }
            Value::Object(entries) => {
                let entries =
                    entries.iter().map(|(key, value)| Ok((key.clone(), Rcvar::new(self.variable(value)?))));
                Variable::Object(entries.collect::<Result<_, SearchError>>()?)
            }
        })
    }

    /// The value of a literal in an expression.
    pub(super) fn literal(&mut self, literal: &Rcvar) -> Result<Found<'v>, SearchError> {
        match &**literal {
            // A number that the crate has read as a map, or a container of some.
            Variable::Object(_) | Variable::Array(_) => {
                let text = serde_json::to_string(&**literal).unwrap_or_default();
                let value: Value = serde_json::from_str(&text).unwrap_or_default();
                self.spend(bytes(&value))?;
                Ok(Found::Owned(Rc::new(value)))
            }
            _ => self.adopt(Rcvar::clone(literal)),
        }
    }

    /// What the crate's function `to_number` returns: a number as it is, and what a string means as JSON.
    pub(super) fn parse_number(&mut self, found: Found<'v>) -> Result<Found<'v>, SearchError> {
        let text = match &found {
            Found::Borrowed(Value::Number(_)) => return Ok(found),
            Found::Borrowed(Value::String(text)) => text.clone(),
            Found::Owned(value) => match &**value {
                Value::Number(_) => return Ok(found),
                Value::String(text) => text.clone(),
                _ => return Ok(Found::NULL),
            },
            Found::Borrowed(_) | Found::List(_) | Found::Object(_) => return Ok(Found::NULL),
        };
        self.spend(text.len() as u64)?;
        self.parsed(&text)
    }

    /// What `text` means as JSON; null if it is none.
    fn parsed(&mut self, text: &str) -> Result<Found<'v>, SearchError> {
        let size = measure(text.as_bytes());
        self.spend(size.bytes + size.buffer)?;
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        self.spend(bytes(&value))?;
        Ok(Found::Owned(Rc::new(value)))
    }

    /// Moves what only `variable` holds and copies the rest, and accounts for the result.
    pub(super) fn adopt(&mut self, variable: Rcvar) -> Result<Found<'v>, SearchError> {
        Ok(Found::Owned(Rc::new(self.value(variable)?)))
    }

    fn value(&mut self, variable: Rcvar) -> Result<Value, SearchError> {
        self.spend(NODE)?;
        Ok(match Rcvar::unwrap_or_clone(variable) {
            Variable::Null => Value::Null,
            Variable::Bool(value) => Value::Bool(value),
            Variable::Number(number) => {
                self.spend(number.as_str().len() as u64)?;
                Value::Number(number)
            }
            Variable::String(text) => {
                self.spend(text.len() as u64)?;
                Value::String(text)
            }
            Variable::Array(items) => {
                Value::Array(items.into_iter().map(|item| self.value(item)).collect::<Result<_, _>>()?)
            }
            Variable::Object(entries) => {
                self.spend(OBJECT)?;
                let entries = entries.into_iter().map(|(key, value)| {
                    self.spend(ENTRY + key.len() as u64)?;
                    Ok((key, self.value(value)?))
                });
                Value::Object(entries.collect::<Result<_, SearchError>>()?)
            }
            // As the crate writes it.
            Variable::Expref(ast) => Value::String(format!("<expression: {ast:?}>")),
        })
    }
}

/// Returns the bytes of a value in either form.
pub(super) fn bytes(value: &Value) -> u64 {
    own_bytes(value)
        + match value {
            Value::Array(items) => items.iter().map(bytes).sum(),
            Value::Object(entries) => entries.values().map(bytes).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        }
}

/// Returns the bytes of a value without its items and values.
fn own_bytes(value: &Value) -> u64 {
    NODE + match value {
        Value::String(text) => text.len() as u64,
        Value::Number(number) => number.as_str().len() as u64,
        Value::Object(entries) => OBJECT + entries.keys().map(|key| ENTRY + key.len() as u64).sum::<u64>(),
        Value::Null | Value::Bool(_) | Value::Array(_) => 0,
    }
}
