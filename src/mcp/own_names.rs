//! Calls of a tool by another name than that of a meta-tool: a module's tool by its own, or a meta-tool behind a host's prefix.

use rmcp::model::CallToolRequestParams;
use serde_json::{Map, Value};

use super::schema::no_single_tool;
use super::tools::{CALL_MODULE_TOOL, GET_MODULE_SCHEMA};
use crate::caller::Caller;
use crate::calls::CallError;
use crate::calls::repair;
use crate::registry::Registry;

/// What a call by an unknown name means.
pub(super) enum Meaning {
    /// A call of a meta-tool.
    Call(CallToolRequestParams),
    /// One of several tools. The error names their modules.
    Several(CallError),
    Nothing,
}

/// Finds out what a call means whose name is not that of a meta-tool.
pub(super) fn meaning(registry: &Registry, caller: &Caller, mut call: CallToolRequestParams) -> Meaning {
    let behind_a_prefix = [CALL_MODULE_TOOL, GET_MODULE_SCHEMA]
        .into_iter()
        .find(|known| repair::follows_a_prefix(&call.name, known));
    if let Some(known) = behind_a_prefix {
        call.name = known.into();
        return Meaning::Call(call);
    }
    match &*repair::tools(registry, caller, &call.name) {
        [] => Meaning::Nothing,
        [(module, tool)] => {
            let arguments = Value::Object(call.arguments.take().unwrap_or_default());
            let fields = [
                ("module", Value::from(module.name.as_str())),
                ("tool", tool.name.as_str().into()),
                ("arguments", arguments),
            ];
            call.arguments =
                Some(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>());
            call.name = CALL_MODULE_TOOL.into();
            Meaning::Call(call)
        }
        several => Meaning::Several(no_single_tool(&call.name, several).about("", Some(&call.name))),
    }
}
