//! One tool: a `[[tools]]` table of a manifest, checked and ready to be called.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::arguments::ArgumentValidator;
use super::input;
use super::section::{Found, Section};
use crate::broker::CredentialSpec;
use crate::connectors::http::{DeclaredArgument, Operation, RequestTemplate};
use crate::connectors::{Effects, SideEffect};

/// How long a tool's description may be, in characters: what a model has to read before it can call.
const DESCRIPTION_MAX: usize = 1024;

/// How long a `select` may be, in bytes.
const SELECT_MAX: usize = 4096;

/// How many operators a `select` may hold. Each may nest the parser one level deeper, on the stack of a thread.
const SELECT_OPERATORS_MAX: usize = 200;

const KEYS: [&str; 9] = [
    "name",
    "description",
    "side_effect",
    "idempotent",
    "concurrency_safe",
    "request",
    "select",
    "full",
    "input",
];

/// One operation of a module.
#[derive(Debug)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does, for a model.
    pub description: String,
    /// What a call of it does.
    pub operation: Arc<Operation>,
    /// What is kept of an answer.
    pub select: Option<jmespath::Expression<'static>>,
    /// Whether a caller may ask for the whole answer; where not, nothing but what is selected ever leaves.
    pub full: bool,
    arguments: ArgumentValidator,
}

impl Tool {
    /// Reads a tool. `None` if it is wrong; that has been reported.
    ///
    /// Without the `credential` (it was wrong) everything else is checked.
    pub(super) fn read(tool: &Section<'_>, credential: Option<&CredentialSpec>) -> Option<Self> {
        tool.only(&KEYS);
        let name = tool.required_text("name", "`name = \"create_issue\"`");
        let name = name.filter(|name| {
            let good = is_tool_name(name.value);
            if !good {
                name.refuse(
                    "is no name for a tool",
                    "use up to 64 of `a`–`z`, `0`–`9` and `_`, not beginning with `_`",
                );
            }
            good
        });
        let description = tool.description("description", DESCRIPTION_MAX);
        let effects = effects(tool);
        let select = tool.text("select", "`select = \"{number: number}\"`").map(|text| compile_select(&text));
        let full = tool.flag("full");
        if let Some(full) = full.as_ref().filter(|full| !full.value && select.is_none()) {
            full.refuse(
                "is `false` for a tool that gives its whole answer",
                "say what is kept: `select = \"…\"`",
            );
        }
        let input = input::read(tool);
        let request = tool.required_table("request", "`request = { method = \"GET\", path = \"/…\" }`");
        let request = request.and_then(|request| read_request(&request, input.as_ref(), credential));
        let input = Arc::new(input?);
        Some(Self {
            name: name?.value.to_owned(),
            description: description?.value.trim().to_owned(),
            arguments: ArgumentValidator::new(Arc::clone(&input)),
            operation: Arc::new(Operation { request: request?, effects: effects?, input_schema: input }),
            select: match select {
                Some(compiled) => Some(compiled?),
                None => None,
            },
            full: full.is_none_or(|full| full.value),
        })
    }

    /// Whether the input schema has been compiled.
    #[cfg(test)]
    pub(crate) fn is_compiled(&self) -> bool {
        self.arguments.is_compiled()
    }

    /// Checks a call's arguments against the input schema, which is compiled on first use.
    ///
    /// # Errors
    ///
    /// Which arguments do not fit, and what is expected. Short, for a model, and without the values that were sent: a
    /// value may be long, or hold a secret.
    pub fn check(&self, arguments: &Map<String, Value>) -> Result<(), String> {
        self.arguments.check(arguments)
    }
}

fn is_tool_name(name: &str) -> bool {
    name.len() <= 64
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        && !name.is_empty()
        && !name.starts_with('_')
}

fn effects(tool: &Section<'_>) -> Option<Effects> {
    let idempotent = tool.flag("idempotent");
    let concurrency_safe = tool.flag("concurrency_safe");
    let written =
        tool.required_text("side_effect", "`side_effect = \"none\"`, `\"write\"` or `\"destructive\"`")?;
    let side_effect = match written.value {
        "none" => SideEffect::None,
        "write" => SideEffect::Write,
        "destructive" => SideEffect::Destructive,
        _ => {
            written.refuse("is not known", "write \"none\", \"write\" or \"destructive\"");
            return None;
        }
    };
    let reads = side_effect == SideEffect::None;
    if let Some(idempotent) = idempotent.as_ref().filter(|idempotent| reads && !idempotent.value) {
        idempotent
            .refuse("is `false` for a tool that only reads", "leave it out, or say which side effect it has");
        return None;
    }
    Some(Effects {
        side_effect,
        idempotent: idempotent.map_or(reads, |flag| flag.value),
        concurrency_safe: concurrency_safe.is_none_or(|flag| flag.value),
    })
}

fn compile_select(text: &Found<'_, &str>) -> Option<jmespath::Expression<'static>> {
    let operators = text.value.bytes().filter(|b| b"[({*!&|".contains(b)).count();
    if text.value.len() > SELECT_MAX || operators > SELECT_OPERATORS_MAX {
        let remedy = format!("keep to {SELECT_MAX} bytes and {SELECT_OPERATORS_MAX} brackets and operators");
        text.refuse("is too long", remedy);
        return None;
    }
    match jmespath::compile(text.value) {
        Ok(compiled) => Some(compiled),
        Err(error) => {
            // Both count from zero; people count from one.
            let (line, column) = (error.line + 1, error.column + 1);
            let message = format!("is no JMESPath: {} in its line {line}, column {column}", reason(&error));
            text.refuse(message, "see https://jmespath.org/specification.html");
            None
        }
    }
}

fn reason(error: &jmespath::JmespathError) -> String {
    match &error.reason {
        jmespath::ErrorReason::Parse(what) => what.to_string(),
        jmespath::ErrorReason::Runtime(what) => what.to_string(),
    }
}

fn read_request(
    request: &Section<'_>,
    input: Option<&Map<String, Value>>,
    credential: Option<&CredentialSpec>,
) -> Option<RequestTemplate> {
    let table = request.read()?;
    let (input, credential) = (input?, credential?);
    let required: Vec<&str> = input
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = input.get("properties").and_then(Value::as_object);
    let declared: Vec<DeclaredArgument<'_>> = properties
        .into_iter()
        .flatten()
        .map(|(name, _)| DeclaredArgument { name, required: required.contains(&name.as_str()) })
        .collect();
    match RequestTemplate::from_table(table, &declared, credential) {
        Ok(template) => Some(template),
        Err(findings) => {
            for finding in findings {
                let key =
                    if finding.key.is_empty() { request.key.clone() } else { request.key_of(&finding.key) };
                request.report.add(request.place_of(&finding.key), key, finding.message, finding.help);
            }
            None
        }
    }
}
