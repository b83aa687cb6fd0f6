//! Converts what was found to the type that the functions of the `jmespath` crate take, and back.

use std::collections::BTreeMap;
use std::rc::Rc;

use jmespath::{Rcvar, Variable};
use serde_json::Value;

use super::{Found, Search, SearchError};

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

    /// Moves what only `variable` holds and copies the rest, and accounts for the result.
    pub(super) fn adopt(&mut self, variable: Rcvar) -> Result<Found<'v>, SearchError> {
        Ok(Found::Owned(Rc::new(self.value(variable)?)))
    }

    fn value(&mut self, variable: Rcvar) -> Result<Value, SearchError> {
        self.spend(NODE)?;
        Ok(match Rcvar::unwrap_or_clone(variable) {
            Variable::Null => Value::Null,
            Variable::Bool(value) => Value::Bool(value),
            Variable::Number(number) => Value::Number(number),
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
        Value::Object(entries) => OBJECT + entries.keys().map(|key| ENTRY + key.len() as u64).sum::<u64>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => 0,
    }
}
