//! The parts of a call that are in another place, or that have another usual name.

use std::sync::Arc;

use cofferdam_config::suggestions::bounded;
use serde_json::{Map, Value};

use super::decoding::DecodingBudget;
use super::names;
use crate::caller::Caller;
use crate::calls::request::{CallRequest, parse_arguments};
use crate::manifest::Tool;
use crate::registry::{Module, Registry};

/// How deep calls may be inside the arguments of calls.
const MAX_LEVELS: usize = 3;

/// How often arguments may be encoded as a string: once by a model, and once more by its host.
const MAX_ENCODINGS: usize = 2;

/// How many modules an error names.
const MAX_NAMED: usize = 3;

/// A part of a call, by the names that it is given. The first name of each is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Module,
    Tool,
    Account,
    Full,
    Arguments,
}

/// The names of each field. `name` is a tool's only if nothing else names one.
const NAMES: [(Field, &[&str]); 5] = [
    (Field::Module, &["module", "module_name", "server", "server_name"]),
    (Field::Tool, &["tool", "tool_name", "function", "name"]),
    (Field::Account, &["account", "account_name"]),
    (Field::Full, &["full"]),
    (
        Field::Arguments,
        &["arguments", "args", "parameters", "params", "input", "tool_arguments", "tool_args", "tool_input"],
    ),
];

/// The field with this name, and how usual the name is: 0 for its own.
pub(crate) fn field(key: &str) -> Option<(Field, usize)> {
    NAMES.iter().find_map(|(field, names)| Some((*field, names.iter().position(|name| *name == key)?)))
}

/// The call that the arguments of `call_module_tool` mean, which are not valid as they are.
///
/// # Errors
///
/// All that is wrong or missing, if that leaves a part open.
pub(crate) fn from_sent(
    registry: &Registry,
    caller: &Caller,
    sent: Map<String, Value>,
) -> Result<CallRequest, Vec<String>> {
    let mut call = Call::new(registry, caller);
    call.add(sent, 0);
    call.finish()
}

/// The call that `sent` means, whose parts may be among its arguments.
///
/// # Errors
///
/// See [`from_sent`].
pub(super) fn from_request(
    registry: &Registry,
    caller: &Caller,
    sent: CallRequest,
) -> Result<CallRequest, Vec<String>> {
    let mut call = Call::new(registry, caller);
    (call.module, call.tool, call.account) = (Some(sent.module), Some(sent.tool), sent.account);
    call.full = sent.full.then_some(true);
    call.resolve();
    call.add_arguments(sent.arguments, 1);
    call.finish()
}

/// A call whose parts are being collected.
struct Call<'a> {
    registry: &'a Registry,
    caller: &'a Caller,
    module: Option<String>,
    tool: Option<String>,
    account: Option<String>,
    full: Option<bool>,
    arguments: Map<String, Value>,
    /// The module and the tool, once their names are known.
    target: Option<(&'a Arc<Module>, &'a Arc<Tool>)>,
    problems: Vec<String>,
    decoding: DecodingBudget,
}

impl<'a> Call<'a> {
    fn new(registry: &'a Registry, caller: &'a Caller) -> Self {
        Self {
            registry,
            caller,
            module: None,
            tool: None,
            account: None,
            full: None,
            arguments: Map::new(),
            target: None,
            problems: Vec::new(),
            decoding: DecodingBudget::new(),
        }
    }

    /// Adds the fields of a call, which is inside the arguments of `level` others. What is not a field is an argument.
    fn add(&mut self, sent: Map<String, Value>, level: usize) {
        let mut fields: Vec<(Field, usize, String, Value)> = Vec::new();
        let mut others = Map::new();
        for (key, value) in sent {
            match field(&key) {
                Some((field, rank)) if level == 0 || !self.declares(&key) => {
                    fields.push((field, rank, key, value))
                }
                _ => {
                    others.insert(undotted(&key).to_owned(), value);
                }
            }
        }
        // The names first, because they say what else is a field; of several names for a field its own.
        let is_name = |field: Field| matches!(field, Field::Module | Field::Tool);
        fields.sort_by_key(|(field, rank, ..)| (!is_name(*field), *rank));
        let own_names = fields.iter().take_while(|(field, rank, ..)| is_name(*field) && *rank == 0).count();
        let further = fields.split_off(own_names);
        for (field, _, key, value) in fields {
            self.take(field, key, value, &mut others, level);
        }
        self.resolve();
        for (field, rank, key, value) in further {
            // By another name than its own it may be an argument of the tool.
            if rank > 0 && self.declares(&key) {
                others.insert(key, value);
                continue;
            }
            self.take(field, key, value, &mut others, level);
            if is_name(field) {
                self.resolve();
            }
        }
        self.add_arguments(others, MAX_LEVELS);
    }

    /// Adds arguments, among which there may be fields, down to a level.
    fn add_arguments(&mut self, sent: Map<String, Value>, level: usize) {
        let is_field = |key: &String| field(key).is_some() && !self.declares(key);
        if level < MAX_LEVELS && sent.keys().any(is_field) {
            return self.add(sent, level);
        }
        for (key, value) in sent {
            if self.arguments.get(&key).is_some_and(|other| *other != value) {
                self.problems.push(format!("the argument `{}` is there twice", bounded(&key)));
            }
            self.arguments.insert(key, value);
        }
    }

    /// Takes a field, or leaves it among the `others` if there is one already.
    fn take(
        &mut self,
        field: Field,
        key: String,
        value: Value,
        others: &mut Map<String, Value>,
        level: usize,
    ) {
        let is_absent = value.is_null() || value == "";
        let taken = match (field, &value) {
            (Field::Arguments, _) => return self.take_arguments(value, level),
            _ if is_absent => true,
            (Field::Module, Value::String(name)) => set(&mut self.module, name.clone()),
            (Field::Tool, Value::String(name)) => set(&mut self.tool, name.clone()),
            (Field::Account, Value::String(name)) => set(&mut self.account, name.clone()),
            (Field::Full, value) => boolean(value).is_some_and(|full| set(&mut self.full, full)),
            _ => false,
        };
        if taken {
            return;
        }
        let is_own = NAMES.iter().any(|(_, names)| names.first() == Some(&key.as_str()));
        if level > 0 || !is_own {
            others.insert(key, value);
            return;
        }
        self.problems.push(match (field, &value) {
            (Field::Full, _) => "`full` must be true or false".to_owned(),
            (_, Value::String(_)) => format!("`{key}` is there twice"),
            _ => format!("`{key}` must be a string"),
        });
    }

    fn take_arguments(&mut self, mut value: Value, level: usize) {
        for _ in 0..MAX_ENCODINGS {
            let Value::String(text) = &value else { break };
            if !self.decoding.take(text) {
                return self
                    .problems
                    .push("`arguments` must be a JSON object; the string is too large".to_owned());
            }
            value = match parse_arguments(text) {
                Ok(arguments) => Value::Object(arguments),
                Err(invalid) => match serde_json::from_str(text) {
                    Ok(Value::String(inner)) => Value::String(inner),
                    _ => {
                        let problem = format!("`arguments` must be a JSON object; you sent {invalid}");
                        return self.problems.push(problem);
                    }
                },
            };
        }
        match value {
            Value::Null => {}
            // As some languages write an empty object.
            Value::Array(items) if items.is_empty() => {}
            Value::Object(arguments) => self.add_arguments(arguments, level + 1),
            _ => self.problems.push("`arguments` must be a JSON object".to_owned()),
        }
    }

    /// Finds the module and the tool by their names, as they may be spelled.
    fn resolve(&mut self) {
        let (registry, caller) = (self.registry, self.caller);
        let unique = |name: &str| match names::tools(registry, caller, name).as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        self.target = match (&self.module, &self.tool) {
            (Some(module), Some(tool)) => names::module(registry, caller, module)
                .and_then(|module| Some((module, names::tool_of(module, tool)?))),
            (None, Some(tool)) => unique(tool),
            // `github.get_issue` as the module.
            (Some(module), None) if names::module(registry, caller, module).is_none() => unique(module),
            _ => None,
        };
        if let Some((module, tool)) = self.target {
            (self.module, self.tool) = (Some(module.name.clone()), Some(tool.name.clone()));
        }
    }

    /// Whether the tool, if it is known, has an argument of this name.
    fn declares(&self, key: &str) -> bool {
        let properties = self.target.and_then(|(_, tool)| tool.operation.input_schema.get("properties"));
        properties.is_some_and(|properties| properties.get(key).is_some())
    }

    /// Reports a field that is missing, unless it is there and wrong.
    fn missing(&mut self, name: &str, near: &str) {
        let name = format!("`{name}`");
        if !self.problems.iter().any(|problem| problem.starts_with(&name)) {
            self.problems.insert(0, format!("{name} is missing{near}"));
        }
    }

    fn finish(mut self) -> Result<CallRequest, Vec<String>> {
        if self.module.is_none() {
            let found = self.tool.as_deref().map(|tool| names::tools(self.registry, self.caller, tool));
            let near =
                found.and_then(|found| which_module(&found)).map(|near| format!("; did you mean {near}?"));
            self.missing("module", &near.unwrap_or_default());
        }
        if self.tool.is_none() {
            self.missing("tool", "");
        }
        match (self.module, self.tool) {
            (Some(module), Some(tool)) if self.problems.is_empty() => Ok(CallRequest {
                module,
                tool,
                arguments: self.arguments,
                account: self.account,
                full: self.full.unwrap_or(false),
            }),
            _ => Err(self.problems),
        }
    }
}

/// The modules of the tools that have one name: `` `github` or `supabase` ``. `None` if there are none.
pub(crate) fn which_module(found: &[(&Arc<Module>, &Arc<Tool>)]) -> Option<String> {
    let modules: Vec<String> =
        found.iter().take(MAX_NAMED).map(|(module, _)| format!("`{}`", module.name)).collect();
    (!modules.is_empty()).then(|| modules.join(" or "))
}

/// Sets what is absent. Returns whether it is `value` now.
fn set<T: PartialEq>(field: &mut Option<T>, value: T) -> bool {
    match field {
        Some(known) => *known == value,
        None => {
            *field = Some(value);
            true
        }
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The name of an argument that is written with the field around it: `args.path`.
fn undotted(key: &str) -> &str {
    match key.split_once('.') {
        Some((around, name)) if field(around).is_some_and(|(field, _)| field == Field::Arguments) => name,
        _ => key,
    }
}
