//! Searches an answer with JMESPath, without a copy of it.
//!
//! The interpreter of the `jmespath` crate searches a tree of its own type, so that an answer exists twice, and what an
//! expression makes of it has no bound: `[].{a: a, b: b}` turns three bytes of an answer, `{},`, into a kilobyte. This
//! one borrows from the answer what it selects, and accounts for what it creates. Only the arguments of a function are
//! converted, for as long as the function runs.
//!
//! The expression's syntax and its functions are those of the crate, and so is the result, except that numbers are compared
//! and calculated with exactly.

mod arithmetic;
mod convert;
mod found;
mod order;

use std::rc::Rc;

use jmespath::ast::{Ast, Comparator, KeyValuePair};
use jmespath::{
    Context, DEFAULT_RUNTIME, ErrorReason, Expression, JmespathError, Rcvar, RuntimeError, Variable,
};
use serde_json::Value;

pub(crate) use found::Found;

/// The most memory that one search may use, in bytes, for an answer of any size.
const MAX_BYTES: u64 = 12 * 1024 * 1024;

/// What a search may use for each value of an answer, in bytes, and for the first one.
const BYTES_PER_NODE: u64 = 640;
const LEAST_BYTES: u64 = 64 * 1024;

/// The size of a found value in a list, and in an object, with room to grow.
const ITEM: u64 = 2 * size_of::<Found<'_>>() as u64;
const ENTRY: u64 = 2 * size_of::<(&str, Found<'_>)>() as u64;

/// Why a search has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum SearchError {
    /// The expression does not match the answer.
    #[error("{0}")]
    Mismatch(String),
    /// The result, or what is needed to find it, is too large.
    #[error("it needs too much memory")]
    TooLarge,
}

impl From<JmespathError> for SearchError {
    fn from(error: JmespathError) -> Self {
        Self::Mismatch(error.reason.to_string())
    }
}

/// Returns how much memory a search of an answer with so many values may use, in bytes.
pub(crate) fn allowance(nodes: u64) -> u64 {
    nodes.saturating_mul(BYTES_PER_NODE).saturating_add(LEAST_BYTES).min(MAX_BYTES)
}

/// Searches `value`, and uses at most `allowance` bytes of memory.
///
/// # Errors
///
/// Returns an error if the expression calls a function with an argument that it does not take, or if the memory does not
/// suffice.
pub(crate) fn search<'v>(
    expression: &'v Expression<'_>,
    value: &'v Value,
    allowance: u64,
) -> Result<Found<'v>, SearchError> {
    Search::new(expression, allowance).evaluate(&Found::Borrowed(value), expression.as_ast())
}

/// Like [`search`], for an expression that selects fields of `value`.
///
/// # Errors
///
/// Returns an error also if `value` has none of the fields and lists that the expression asks for: then it has another
/// shape than the expression is for, and the nulls that it finds mean nothing. A field that is null is there.
pub(crate) fn select<'v>(
    expression: &'v Expression<'_>,
    value: &'v Value,
    allowance: u64,
) -> Result<Found<'v>, SearchError> {
    let mut search = Search::new(expression, allowance);
    let found = search.evaluate(&Found::Borrowed(value), expression.as_ast())?;
    if search.missing && !search.present && !value.is_null() {
        return Err(SearchError::Mismatch("nothing that it selects is there".to_owned()));
    }
    Ok(found)
}

struct Search<'v> {
    context: Context<'v>,
    /// The memory that may still be used, in bytes.
    free: u64,
    /// Whether a field was found.
    present: bool,
    /// Whether a field or a list was not found.
    missing: bool,
}

impl<'v> Search<'v> {
    fn new(expression: &'v Expression<'_>, free: u64) -> Self {
        let context = Context::new(expression.as_str(), &DEFAULT_RUNTIME);
        Self { context, free, present: false, missing: false }
    }

    fn evaluate(&mut self, data: &Found<'v>, node: &'v Ast) -> Result<Found<'v>, SearchError> {
        match node {
            Ast::Identity { .. } => Ok(data.clone()),
            Ast::Field { name, .. } => {
                let field = data.field(name);
                self.present |= field.is_some();
                self.missing |= field.is_none();
                self.child(field)
            }
            Ast::Index { idx, .. } => self.child(data.index(*idx)),
            Ast::Subexpr { lhs, rhs, .. } => {
                let left = self.evaluate(data, lhs)?;
                self.evaluate(&left, rhs)
            }
            Ast::Or { lhs, rhs, .. } => {
                let left = self.evaluate(data, lhs)?;
                if left.is_truthy() { Ok(left) } else { self.evaluate(data, rhs) }
            }
            Ast::And { lhs, rhs, .. } => {
                let left = self.evaluate(data, lhs)?;
                if left.is_truthy() { self.evaluate(data, rhs) } else { Ok(left) }
            }
            Ast::Not { node, .. } => Ok(Found::bool(!self.evaluate(data, node)?.is_truthy())),
            Ast::Condition { predicate, then, .. } => match self.evaluate(data, predicate)?.is_truthy() {
                true => self.evaluate(data, then),
                false => Ok(Found::NULL),
            },
            Ast::Comparison { comparator, lhs, rhs, .. } => self.compare(data, comparator, lhs, rhs),
            Ast::ObjectValues { node, .. } => {
                let subject = self.evaluate(data, node)?;
                let Some(mut entries) = subject.entries() else { return Ok(self.no_container()) };
                self.spend(entries.len() as u64 * ENTRY)?;
                // The crate keeps objects in the order of their keys.
                entries.sort_by_key(|(key, _)| *key);
                let values = entries.into_iter().map(|(_, value)| self.child(Some(value)));
                Ok(Found::List(Rc::new(values.collect::<Result<_, _>>()?)))
            }
            Ast::Projection { lhs, rhs, .. } => {
                let left = self.evaluate(data, lhs)?;
                self.project(&left, rhs, false)
            }
            Ast::Flatten { node, .. } => self.flatten(data, node),
            Ast::MultiList { elements, .. } => self.list(data, elements),
            Ast::MultiHash { elements, .. } => self.object(data, elements),
            Ast::Literal { value, .. } => self.literal(value),
            Ast::Function { name, args, offset } => self.call(data, name, args, *offset),
            Ast::Slice { start, stop, step, offset } => self.slice(data, (*start, *stop, *step), *offset),
            // A function takes it as an argument. Anything else is the crate's to judge.
            Ast::Expref { ast, .. } => self.adopt(Rcvar::new(Variable::Expref((**ast).clone()))),
        }
    }

    /// Evaluates `node` for each item of a list. Results that are null are left out unless `keep_null`.
    fn project(
        &mut self,
        list: &Found<'v>,
        node: &'v Ast,
        keep_null: bool,
    ) -> Result<Found<'v>, SearchError> {
        let Some(length) = list.length() else { return Ok(self.no_container()) };
        let mut results = Vec::new();
        for at in 0..length {
            let before = self.free;
            let item = self.child(list.item(at))?;
            let result = self.evaluate(&item, node)?;
            drop(item);
            // What was needed to find it is free again.
            self.free = before;
            if keep_null || !result.is_null() {
                self.spend(ITEM + result.bytes())?;
                results.push(result);
            }
        }
        Ok(Found::List(Rc::new(results)))
    }

    fn flatten(&mut self, data: &Found<'v>, node: &'v Ast) -> Result<Found<'v>, SearchError> {
        let lists = self.evaluate(data, node)?;
        let Some(length) = lists.length() else { return Ok(self.no_container()) };
        let mut flat = Vec::new();
        for at in 0..length {
            let item = self.child(lists.item(at))?;
            match item.length() {
                Some(inner) => {
                    self.spend(inner as u64 * ITEM)?;
                    for at in 0..inner {
                        flat.push(self.child(item.item(at))?);
                    }
                }
                None => {
                    self.spend(ITEM)?;
                    flat.push(item);
                }
            }
        }
        Ok(Found::List(Rc::new(flat)))
    }

    fn list(&mut self, data: &Found<'v>, elements: &'v [Ast]) -> Result<Found<'v>, SearchError> {
        if data.is_null() {
            return Ok(Found::NULL);
        }
        self.spend(elements.len() as u64 * ITEM)?;
        let items = elements.iter().map(|element| self.evaluate(data, element));
        Ok(Found::List(Rc::new(items.collect::<Result<_, _>>()?)))
    }

    fn object(&mut self, data: &Found<'v>, elements: &'v [KeyValuePair]) -> Result<Found<'v>, SearchError> {
        if data.is_null() {
            return Ok(Found::NULL);
        }
        self.spend(elements.len() as u64 * ENTRY)?;
        let mut entries: Vec<(&str, Found<'_>)> = Vec::with_capacity(elements.len());
        for KeyValuePair { key, value } in elements {
            let value = self.evaluate(data, value)?;
            match entries.iter_mut().find(|(earlier, _)| earlier == key) {
                Some(earlier) => earlier.1 = value,
                None => entries.push((key, value)),
            }
        }
        Ok(Found::Object(Rc::new(entries)))
    }

    fn compare(
        &mut self,
        data: &Found<'v>,
        comparator: &Comparator,
        lhs: &'v Ast,
        rhs: &'v Ast,
    ) -> Result<Found<'v>, SearchError> {
        let (left, right) = (self.evaluate(data, lhs)?, self.evaluate(data, rhs)?);
        Ok(order::compare(&left, comparator, &right).map_or(Found::NULL, Found::bool))
    }

    fn slice(
        &mut self,
        data: &Found<'v>,
        (start, stop, step): (Option<i32>, Option<i32>, i32),
        offset: usize,
    ) -> Result<Found<'v>, SearchError> {
        self.context.offset = offset;
        if step == 0 {
            let reason = ErrorReason::Runtime(RuntimeError::InvalidSlice);
            return Err(JmespathError::from_ctx(&self.context, reason).into());
        }
        let Some(length) = data.length() else { return Ok(self.no_container()) };
        // The crate's rules, applied to the positions of the items.
        self.spend(length as u64 * convert::NODE)?;
        let positions = (0..length).map(|at| Rcvar::new(Variable::Number(at.into()))).collect();
        let chosen = Variable::Array(positions).slice(start, stop, step).unwrap_or_default();
        let positions = chosen.iter().filter_map(|position| match &**position {
            Variable::Number(number) => number.as_u64().and_then(|at| usize::try_from(at).ok()),
            _ => None,
        });
        let items = positions.map(|at| self.child(data.item(at)));
        Ok(Found::List(Rc::new(items.collect::<Result<_, _>>()?)))
    }

    /// Calls a function of the crate. What its arguments need is free again afterwards.
    fn call(
        &mut self,
        data: &Found<'v>,
        name: &str,
        args: &'v [Ast],
        offset: usize,
    ) -> Result<Found<'v>, SearchError> {
        // The crate's would evaluate the expression for each item, and account for none of the results.
        if let ("map", [Ast::Expref { ast, .. }, list]) = (name, args) {
            let list = self.evaluate(data, list)?;
            if list.length().is_some() {
                return self.project(&list, ast, true);
            }
        }
        // These would copy all that they return.
        if let ("keys" | "values", [object]) = (name, args) {
            let object = self.evaluate(data, object)?;
            if let Some(entries) = object.borrowed_entries() {
                return self.keys_or_values(name, entries);
            }
        }
        if let Some(found) = self.call_ordering(data, name, args, offset)? {
            return Ok(found);
        }
        if let Some(found) = self.call_arithmetic(data, name, args)? {
            return Ok(found);
        }
        if let ("to_number", [arg]) = (name, args) {
            let found = self.evaluate(data, arg)?;
            return self.parse_number(found);
        }
        let before = self.free;
        let mut converted = Vec::with_capacity(args.len());
        for arg in args {
            converted.push(match arg {
                Ast::Expref { ast, .. } => Rcvar::new(Variable::Expref((**ast).clone())),
                _ => {
                    let found = self.evaluate(data, arg)?;
                    self.convert(&found)?
                }
            });
        }
        // The text between the items may be longer than they are.
        if let ("join", [glue, items]) = (name, converted.as_slice())
            && let (Some(glue), Some(items)) = (glue.as_string(), items.as_array())
        {
            self.spend((glue.len() as u64).saturating_mul(items.len() as u64))?;
        }
        self.context.offset = offset;
        let Some(function) = DEFAULT_RUNTIME.get_function(name) else {
            let reason = ErrorReason::Runtime(RuntimeError::UnknownFunction(name.to_owned()));
            return Err(JmespathError::from_ctx(&self.context, reason).into());
        };
        let result = function.evaluate(&converted, &mut self.context)?;
        // What only the result needs is moved, so that both forms of it together take no more than the arguments did.
        drop(converted);
        self.free = before;
        self.adopt(result)
    }

    /// Returns the keys or the values of an object, in the order of its keys, as the crate does.
    fn keys_or_values(
        &mut self,
        name: &str,
        mut entries: Vec<(&'v str, Found<'v>)>,
    ) -> Result<Found<'v>, SearchError> {
        self.spend(entries.len() as u64 * ENTRY)?;
        entries.sort_by_key(|(key, _)| *key);
        let mut items = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            items.push(match name {
                "keys" => {
                    self.spend(convert::NODE + key.len() as u64)?;
                    Found::Owned(Rc::new(Value::from(key)))
                }
                _ => value,
            });
        }
        Ok(Found::List(Rc::new(items)))
    }

    /// What an expression finds in a value that is not a list, or not an object, where it expects one.
    fn no_container(&mut self) -> Found<'v> {
        self.missing = true;
        Found::NULL
    }

    /// Accounts for a part of a value that this search has created, which has to be copied.
    fn child(&mut self, child: Option<Found<'v>>) -> Result<Found<'v>, SearchError> {
        let child = child.unwrap_or(Found::NULL);
        self.spend(child.copied_bytes())?;
        Ok(child)
    }

    fn spend(&mut self, bytes: u64) -> Result<(), SearchError> {
        self.free = self.free.checked_sub(bytes).ok_or(SearchError::TooLarge)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
