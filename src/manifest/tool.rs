//! One tool: a `[[tools]]` table of a manifest, checked and ready to be called.

use std::sync::Arc;

use cofferdam_config::document::{Field, TableReader};
use cofferdam_config::quote::string;
use cofferdam_config::text;
use serde_json::{Map, Value};

use super::arguments::ArgumentValidator;
use super::description::description;
use super::input;
use crate::broker::CredentialSpec;
use crate::connectors::http::{AnswerFormat, DeclaredArgument, Operation, RequestTemplate};
use crate::connectors::{Effects, SideEffect};

/// The maximum length of a tool's description, in characters. A model reads it before it can call the tool.
const MAX_DESCRIPTION_CHARS: usize = 1024;

/// The maximum length of a `select`, in bytes.
const MAX_SELECT_BYTES: usize = 4096;

/// The maximum number of operators in a `select`. Each may nest the parser one level deeper, on the stack of a thread.
const MAX_SELECT_OPERATORS: usize = 200;

const KEYS: [&str; 10] = [
    "name",
    "description",
    "side_effect",
    "idempotent",
    "concurrency_safe",
    "request",
    "select",
    "full",
    "opaque",
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
    /// The part of an answer that is returned; `None` for the whole answer.
    pub select: Option<jmespath::Expression<'static>>,
    /// Whether a caller may ask for the whole answer. If not, only the selected part is ever returned.
    pub full: bool,
    arguments: ArgumentValidator,
}

impl Tool {
    /// Reads a tool. `None` if it is wrong; that has been reported.
    ///
    /// Without the `credential` (it was wrong) everything else is checked.
    pub(super) fn read(tool: &TableReader<'_>, credential: Option<&CredentialSpec>) -> Option<Self> {
        tool.deny_unknown_keys(&KEYS);
        let name = tool.required_string("name", "name = \"create_issue\"").filter(is_tool_name);
        let description = description(tool, "description", MAX_DESCRIPTION_CHARS);
        let effects = effects(tool);
        let select = tool.string("select", "select = \"{number: number}\"").map(|text| compile_select(&text));
        let full = tool.boolean("full");
        if let Some(full) = full.as_ref().filter(|full| !full.value && select.is_none()) {
            full.error("is false, but without `select` the whole answer is returned", "add select = \"…\"");
        }
        let opaque = tool.boolean("opaque").filter(|opaque| opaque.value);
        if let Some(opaque) = opaque.as_ref().filter(|_| select.is_some()) {
            opaque.error(
                "is true, but `select` needs JSON, and opaque content is not parsed",
                "remove one of them",
            );
        }
        let answer = match (&opaque, &select) {
            (Some(_), _) => AnswerFormat::Opaque,
            (None, Some(_)) => AnswerFormat::Json,
            (None, None) => AnswerFormat::Declared,
        };
        let input = input::read(tool);
        let request = tool.required_table("request", "request = { method = \"GET\", path = \"/…\" }");
        let request = request.and_then(|request| read_request(&request, input.as_ref(), credential));
        let input = Arc::new(input?);
        Some(Self {
            name: name?.value.to_owned(),
            description: description?.value.trim().to_owned(),
            arguments: ArgumentValidator::new(Arc::clone(&input)),
            operation: Arc::new(Operation {
                request: request?,
                effects: effects?,
                answer,
                input_schema: input,
            }),
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

/// Whether `name` is valid; if not, that is reported.
fn is_tool_name(name: &Field<'_, &str>) -> bool {
    let valid = (1..=64).contains(&name.value.len())
        && name.value.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        && !name.value.starts_with('_');
    if !valid {
        name.error(
            text!("{} is not a valid tool name", string(name.value)),
            "use 1 to 64 characters of a-z, 0-9 and _, not starting with _",
        );
    }
    valid
}

fn effects(tool: &TableReader<'_>) -> Option<Effects> {
    let idempotent = tool.boolean("idempotent");
    let concurrency_safe = tool.boolean("concurrency_safe");
    let written =
        tool.required_string("side_effect", "side_effect = \"none\", \"write\" or \"destructive\"")?;
    let side_effect = match written.value {
        "none" => SideEffect::None,
        "write" => SideEffect::Write,
        "destructive" => SideEffect::Destructive,
        other => {
            written.error(text!("unknown side effect: {}", string(other)), "use none, write or destructive");
            return None;
        }
    };
    let reads = side_effect == SideEffect::None;
    if let Some(idempotent) = idempotent.as_ref().filter(|idempotent| reads && !idempotent.value) {
        idempotent
            .error("must not be false for a tool that only reads", "remove it, or correct `side_effect`");
        return None;
    }
    Some(Effects {
        side_effect,
        idempotent: idempotent.map_or(reads, |flag| flag.value),
        concurrency_safe: concurrency_safe.is_none_or(|flag| flag.value),
    })
}

fn compile_select(text: &Field<'_, &str>) -> Option<jmespath::Expression<'static>> {
    let operators = text.value.bytes().filter(|b| b"[({*!&|".contains(b)).count();
    if text.value.len() > MAX_SELECT_BYTES || operators > MAX_SELECT_OPERATORS {
        text.error(
            "is too long",
            text!("use at most {MAX_SELECT_BYTES} bytes and {MAX_SELECT_OPERATORS} brackets and operators"),
        );
        return None;
    }
    match jmespath::compile(text.value) {
        Ok(compiled) => Some(compiled),
        Err(error) => {
            // Both count from zero; people count from one.
            let (line, column) = (error.line + 1, error.column + 1);
            // The parser's reason quotes the expression.
            let message = text!("not valid JMESPath at line {line}, column {column} of it");
            text.error(message, "see https://jmespath.org/specification.html");
            None
        }
    }
}

fn read_request(
    request: &TableReader<'_>,
    input: Option<&Map<String, Value>>,
    credential: Option<&CredentialSpec>,
) -> Option<RequestTemplate> {
    let table = request.deserialize()?;
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
        Err(diagnostics) => {
            diagnostics.into_iter().for_each(|found| request.push(found));
            None
        }
    }
}
