//! What the two meta-tools look like in `tools/list`: small, whatever the number of modules.

use std::sync::{Arc, LazyLock};

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

use crate::registry::Module;

pub(super) const GET_MODULE_SCHEMA: &str = "get_module_schema";
pub(super) const CALL_MODULE_TOOL: &str = "call_module_tool";

/// How much of a description may list modules, in bytes, for each of the two tools: with it the whole list stays
/// below 6 KiB, which is about 1,500 tokens in every conversation.
const MODULES_BYTES: usize = 1536;

const GET_DESCRIPTION: &str = "Shows what external services can do. Without arguments: the modules, with state and \
     accounts. With `module`: its tools, each with description, input_schema and what it does to the world. \
     With `query`: the tools of all modules that fit it best.";

const CALL_DESCRIPTION: &str = "Runs one tool of a module. Take the tool's name and input_schema from \
     get_module_schema; arguments that do not fit are answered with the schema. An answer's `next` holds the arguments \
     of the next page. After a failure, `outcome` says whether a write may have happened: repeat one only if it is \
     `not_sent` or `rejected`.";

static GET_SCHEMA: LazyLock<Arc<JsonObject>> = LazyLock::new(|| {
    object(json!({
        "type": "object",
        "properties": {
            "module": { "type": "string", "description": "A module's name" },
            "query": { "type": "string", "description": "What you want to do, in a few words" },
        },
        "additionalProperties": false,
    }))
});

static CALL_SCHEMA: LazyLock<Arc<JsonObject>> = LazyLock::new(|| {
    object(json!({
        "type": "object",
        "properties": {
            "module": { "type": "string", "description": "The module's name" },
            "tool": { "type": "string", "description": "The tool's name" },
            "arguments": { "type": "object", "description": "The tool's arguments, as its input_schema says" },
            "account": {
                "type": "string",
                "description": "Which of the module's accounts; needed for a write where there are several",
            },
            "full": { "type": "boolean", "description": "The whole answer instead of its essence" },
        },
        "required": ["module", "tool"],
        "additionalProperties": false,
    }))
});

fn object(value: Value) -> Arc<JsonObject> {
    match value {
        Value::Object(map) => Arc::new(map),
        _ => Arc::default(),
    }
}

/// A meta-tool as it is checked: without the caller's modules.
pub(super) fn bare(name: &str) -> Option<Tool> {
    match name {
        GET_MODULE_SCHEMA => Some(tool(GET_MODULE_SCHEMA, GET_DESCRIPTION.to_owned(), &GET_SCHEMA).annotate(
            ToolAnnotations::with_title("Look up modules and tools").read_only(true).open_world(false),
        )),
        // It may do whatever the worst of the tools does; each tool's own effects stand in its schema.
        CALL_MODULE_TOOL => Some(
            tool(CALL_MODULE_TOOL, CALL_DESCRIPTION.to_owned(), &CALL_SCHEMA).annotate(
                ToolAnnotations::with_title("Run a module's tool")
                    .read_only(false)
                    .destructive(true)
                    .idempotent(false)
                    .open_world(true),
            ),
        ),
        _ => None,
    }
}

/// Both meta-tools, with the caller's modules in their descriptions.
pub(super) fn described<'m>(modules: impl Iterator<Item = &'m Arc<Module>>) -> Vec<Tool> {
    let listing = listing(&modules.collect::<Vec<_>>());
    [GET_MODULE_SCHEMA, CALL_MODULE_TOOL]
        .into_iter()
        .filter_map(bare)
        .map(|mut tool| {
            tool.description =
                tool.description.map(|description| format!("{description}\n\n{listing}").into());
            tool
        })
        .collect()
}

fn tool(name: &'static str, description: String, schema: &LazyLock<Arc<JsonObject>>) -> Tool {
    Tool::new(name, description, Arc::clone(schema))
}

/// The modules with one line each; where these take too much room, their names alone; and of these as many as fit.
fn listing(modules: &[&Arc<Module>]) -> String {
    if modules.is_empty() {
        return "There are no modules yet: the user has to add one to the server's profile.".into();
    }
    let mut lines = String::from("Modules:");
    for module in modules {
        lines.push_str("\n- ");
        lines.push_str(&module.name);
        lines.push_str(": ");
        lines.extend(module.description.split_whitespace().flat_map(|word| [word, " "]));
        lines.truncate(lines.trim_end().len());
        if lines.len() > MODULES_BYTES {
            return names(modules);
        }
    }
    lines
}

fn names(modules: &[&Arc<Module>]) -> String {
    let mut text = String::from("Modules: ");
    for (shown, module) in modules.iter().enumerate() {
        if text.len() + module.name.len() + REST_BYTES > MODULES_BYTES {
            let rest = modules.len() - shown;
            text.push_str(&format!("… and {rest} more; ask get_module_schema, best with a query"));
            return text;
        }
        if shown > 0 {
            text.push_str(", ");
        }
        text.push_str(&module.name);
    }
    text
}

/// Room for the line that says how many modules are not shown.
const REST_BYTES: usize = 80;
