//! Which of two values is greater, and the functions that depend on it.
//!
//! The crate compares numbers as floats: it takes `9007199254740993` and `9007199254740992` for one number. And in an
//! argument that is an expression (`&name`) it evaluates literals itself, of which it has read those with a fraction as
//! objects. So both are done here, exactly.

use std::cmp::Ordering;
use std::rc::Rc;

use jmespath::ast::{Ast, Comparator};
use jmespath::{ErrorReason, JmespathError, RuntimeError};
use serde_json::Value;

use super::{Found, ITEM, Search, SearchError};
use crate::connectors::decimal;

/// `one COMPARATOR other`. `None` for the order of values that are not both numbers.
pub(super) fn compare(one: &Found<'_>, comparator: &Comparator, other: &Found<'_>) -> Option<bool> {
    let order = || match (one.value(), other.value()) {
        (Some(Value::Number(one)), Some(Value::Number(other))) => Some(decimal::compare(one, other)),
        _ => None,
    };
    match comparator {
        Comparator::Equal => Some(equal(one, other)),
        Comparator::NotEqual => Some(!equal(one, other)),
        Comparator::LessThan => order().map(Ordering::is_lt),
        Comparator::LessThanEqual => order().map(Ordering::is_le),
        Comparator::GreaterThan => order().map(Ordering::is_gt),
        Comparator::GreaterThanEqual => order().map(Ordering::is_ge),
    }
}

/// Whether two values are the same. Numbers are compared by their value, objects without regard to order.
fn equal(one: &Found<'_>, other: &Found<'_>) -> bool {
    match (one, other) {
        (Found::List(one), Found::List(other)) => {
            one.len() == other.len() && one.iter().zip(other.iter()).all(|(one, other)| equal(one, other))
        }
        (Found::Object(one), Found::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| {
                    other.iter().any(|(other_key, other)| key == other_key && equal(value, other))
                })
        }
        (found, other) => match (found.value(), other.value()) {
            (Some(value), _) => equals_value(other, value),
            (None, Some(value)) => equals_value(found, value),
            // A list and an object.
            (None, None) => false,
        },
    }
}

fn equals_value(found: &Found<'_>, value: &Value) -> bool {
    match (found, value) {
        (Found::List(items), Value::Array(values)) => {
            items.len() == values.len()
                && items.iter().zip(values).all(|(item, value)| equals_value(item, value))
        }
        (Found::Object(entries), Value::Object(values)) => {
            entries.len() == values.len()
                && entries
                    .iter()
                    .all(|(key, entry)| values.get(*key).is_some_and(|value| equals_value(entry, value)))
        }
        _ => found.value().is_some_and(|found| equal_values(found, value)),
    }
}

fn equal_values(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => decimal::compare(one, other).is_eq(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal_values(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|other| equal_values(value, other)))
        }
        _ => one == other,
    }
}

impl<'v> Search<'v> {
    /// Calls the function `name` if its result depends on an order and its arguments are what it takes; `None` otherwise.
    pub(super) fn call_ordering(
        &mut self,
        data: &Found<'v>,
        name: &str,
        args: &'v [Ast],
        offset: usize,
    ) -> Result<Option<Found<'v>>, SearchError> {
        match (name, args) {
            ("contains", [list, item]) => {
                let list = self.evaluate(data, list)?;
                let Some(length) = list.length() else { return Ok(None) };
                let item = self.evaluate(data, item)?;
                let contains = (0..length).any(|at| list.item(at).is_some_and(|each| equal(&each, &item)));
                Ok(Some(Found::bool(contains)))
            }
            ("sort" | "min" | "max", [list]) => {
                let list = self.evaluate(data, list)?;
                let Some(length) = list.length() else { return Ok(None) };
                let mut items = Vec::with_capacity(length);
                for at in 0..length {
                    let item = self.child(list.item(at))?;
                    self.spend(2 * ITEM)?;
                    items.push((item.clone(), item));
                }
                let kind = items.first().and_then(|(key, _)| sortable(key));
                let takes_all = items.iter().all(|(key, _)| kind.is_some() && sortable(key) == kind);
                Ok(takes_all.then(|| pick(name, items)))
            }
            ("sort_by" | "min_by" | "max_by", [list, Ast::Expref { ast, .. }]) => {
                let list = self.evaluate(data, list)?;
                let Some(length) = list.length() else { return Ok(None) };
                let mut items: Vec<(Found<'v>, Found<'v>)> = Vec::with_capacity(length);
                for at in 0..length {
                    let item = self.child(list.item(at))?;
                    let before = self.free;
                    let key = self.evaluate(&item, ast)?;
                    // What was needed to find it is free again.
                    self.free = before;
                    self.spend(2 * ITEM + key.bytes())?;
                    let first = items.first().and_then(|(key, _)| sortable(key));
                    if sortable(&key).is_none_or(|kind| first.is_some_and(|first| first != kind)) {
                        self.context.offset = offset;
                        return Err(self.wrong_key(name, first, &key, at));
                    }
                    items.push((key, item));
                }
                Ok(Some(pick(name, items)))
            }
            _ => Ok(None),
        }
    }

    /// The error for an item whose key cannot be sorted, or not beside the first one.
    fn wrong_key(&self, name: &str, first: Option<&str>, key: &Found<'_>, at: usize) -> SearchError {
        let expected = match (first, name) {
            (Some(first), _) => format!("expression->{first}"),
            (None, "sort_by") => "expression->string|expression->number".to_owned(),
            (None, _) => "expression->number|expression->string".to_owned(),
        };
        let reason = RuntimeError::InvalidReturnType {
            expected,
            actual: key.kind().to_owned(),
            position: 1,
            invocation: at.max(1),
        };
        JmespathError::from_ctx(&self.context, ErrorReason::Runtime(reason)).into()
    }
}

/// The type of a value that can be sorted, which is a number or a string.
fn sortable(found: &Found<'_>) -> Option<&'static str> {
    Some(found.kind()).filter(|kind| matches!(*kind, "number" | "string"))
}

/// The order of two numbers, or of two strings.
fn order(one: &Found<'_>, other: &Found<'_>) -> Ordering {
    match (one.value(), other.value()) {
        (Some(Value::Number(one)), Some(Value::Number(other))) => decimal::compare(one, other),
        (Some(Value::String(one)), Some(Value::String(other))) => one.cmp(other),
        _ => Ordering::Equal,
    }
}

/// Of items with their keys: all in the order of the keys, or the one with the least or the greatest key.
fn pick<'v>(name: &str, mut items: Vec<(Found<'v>, Found<'v>)>) -> Found<'v> {
    let is_better = match name {
        "min" | "min_by" => Ordering::is_lt,
        "max" => Ordering::is_ge,
        "max_by" => Ordering::is_gt,
        _ => {
            items.sort_by(|(one, _), (other, _)| order(one, other));
            return Found::List(Rc::new(items.into_iter().map(|(_, item)| item).collect()));
        }
    };
    let best =
        items.into_iter().reduce(|best, each| if is_better(order(&each.0, &best.0)) { each } else { best });
    best.map_or(Found::NULL, |(_, item)| item)
}
