//! The definitions of the two meta-tools for `tools/list`. Their size is bounded for any number of modules.

use std::sync::{Arc, LazyLock};

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

use crate::registry::Module;

pub(super) const GET_MODULE_SCHEMA: &str = "get_module_schema";
pub(super) const CALL_MODULE_TOOL: &str = "call_module_tool";

/// The maximum size of the list of modules in each description, in bytes. It keeps `tools/list` below 6 KiB, which costs
/// about 1,500 tokens in every conversation.
const MAX_LIST_BYTES: usize = 1536;

/// The space within it for the number of modules that are not listed, in bytes.
const REST_BYTES: usize = 80;

const GET_DESCRIPTION: &str = "Shows what external services can do. Without arguments: the modules, with state and \
     accounts. With `module`: its tools, one a line with its arguments and what it does: read, write or destructive. \
     With `module` and `tool`: all of one tool. With `query`: the tools of all modules that match it best.";

const CALL_DESCRIPTION: &str = "Runs one tool of a module. Get the tool's name and arguments from \
     get_module_schema; invalid arguments return what is right. `next` in a result holds the arguments of the next page. \
     After a failure, `outcome` says whether a write may have happened: repeat a write only if it is `not_sent` or \
     `rejected`.";

static GET_SCHEMA: LazyLock<Arc<JsonObject>> = LazyLock::new(|| {
    object(json!({
        "type": "object",
        "properties": {
            "module": { "type": "string", "description": "A module's name" },
            "tool": { "type": "string", "description": "The name of one of its tools" },
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
            "arguments": { "type": "object", "description": "The tool's arguments by name" },
            "account": {
                "type": "string",
                "description": "The module's account; required for a write if there are several",
            },
            "full": { "type": "boolean", "description": "Return the full response instead of selected fields" },
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

/// Returns the definition of a meta-tool, without the list of modules in its description.
pub(super) fn definition(name: &str) -> Option<Tool> {
    match name {
        GET_MODULE_SCHEMA => Some(tool(GET_MODULE_SCHEMA, GET_DESCRIPTION, &GET_SCHEMA).annotate(
            ToolAnnotations::with_title("Look up modules and tools").read_only(true).open_world(false),
        )),
        // The hints describe the most dangerous tool of any module. The schema of each tool has its own effects.
        CALL_MODULE_TOOL => Some(
            tool(CALL_MODULE_TOOL, CALL_DESCRIPTION, &CALL_SCHEMA).annotate(
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

/// Returns both meta-tools, with the caller's modules in their descriptions.
pub(super) fn list<'m>(modules: impl Iterator<Item = &'m Arc<Module>>) -> Vec<Tool> {
    let list = module_list(&modules.collect::<Vec<_>>());
    [GET_MODULE_SCHEMA, CALL_MODULE_TOOL]
        .into_iter()
        .filter_map(definition)
        .map(|mut tool| {
            tool.description = tool.description.map(|description| format!("{description}\n\n{list}").into());
            tool
        })
        .collect()
}

fn tool(name: &'static str, description: &'static str, schema: &LazyLock<Arc<JsonObject>>) -> Tool {
    Tool::new(name, description, Arc::clone(schema))
}

/// Lists the modules, one per line with its description. If that is too large, lists only their names, as many as fit.
fn module_list(modules: &[&Arc<Module>]) -> String {
    if modules.is_empty() {
        return "There are no modules. The user can add one to the profile of the server.".into();
    }
    let mut lines = String::from("Modules:");
    for module in modules {
        lines.push_str("\n- ");
        lines.push_str(&module.name);
        lines.push_str(": ");
        lines.extend(module.description.split_whitespace().flat_map(|word| [word, " "]));
        lines.truncate(lines.trim_end().len());
        if lines.len() > MAX_LIST_BYTES {
            return name_list(modules);
        }
    }
    lines
}

fn name_list(modules: &[&Arc<Module>]) -> String {
    let mut text = String::from("Modules: ");
    for (shown, module) in modules.iter().enumerate() {
        if text.len() + module.name.len() + REST_BYTES > MAX_LIST_BYTES {
            let rest = modules.len() - shown;
            text.push_str(&format!("… and {rest} more; use get_module_schema with a query"));
            return text;
        }
        if shown > 0 {
            text.push_str(", ");
        }
        text.push_str(&module.name);
    }
    text
}
