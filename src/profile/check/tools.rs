//! The keys of a `[modules.NAME]` table that leave tools out.

use cofferdam_config::suggestions::suggestion;
use cofferdam_config::{Diagnostic, KeyPath, quote, text};

use super::report::Report;
use crate::manifest::{Manifest, SideEffect};
use crate::profile::tables::ModuleTable;
use crate::profile::tool_filter::{ToolFilter, ToolPattern};

/// The filter that the table at `path` describes. Without the `manifest` (it is wrong, or does not exist) it is not checked
/// whether its tools exist.
pub(super) fn check(
    report: &mut Report,
    path: &KeyPath,
    table: &ModuleTable,
    manifest: Option<&Manifest>,
) -> ToolFilter {
    let patterns = table.tools.as_ref().map(|texts| {
        let texts = texts.iter().enumerate();
        texts
            .filter_map(|(at, text)| pattern(report, &path.child("tools").child(at), text, manifest))
            .collect()
    });
    let effects = match (&table.effects, table.read_only) {
        (Some(_), true) => {
            let message = "is true, and `effects` says which tools the module has";
            report.value_error(&path.child("read_only"), message, "remove one of them");
            None
        }
        (None, true) => Some(vec![SideEffect::None]),
        (effects, false) => effects.clone(),
    };
    let filter = ToolFilter { patterns, effects };
    let is_admitted = |manifest: &Manifest| {
        manifest.tools.iter().any(|tool| filter.admits(&tool.name, tool.operation.effects.side_effect))
    };
    if manifest.is_some_and(|manifest| !is_admitted(manifest)) && !report.is_reported(path) {
        let message = "has no tool that `tools`, `effects` and `read_only` leave";
        report.key_error(path, message, "change one of these keys, or remove the module");
    }
    filter
}

fn pattern(
    report: &mut Report,
    path: &KeyPath,
    text: &str,
    manifest: Option<&Manifest>,
) -> Option<ToolPattern> {
    let pattern = text.parse::<ToolPattern>().map_err(|error| {
        let message = text!("{} {error}", quote::string(text));
        Diagnostic::error(
            "",
            message,
            "write a name, or a pattern such as \"get_*\": a-z, 0-9, _ and * for any of them",
        )
    });
    let pattern = report.take(path, pattern)?;
    if let Some(manifest) = manifest {
        let names = || manifest.tools.iter().map(|tool| tool.name.as_str());
        if !names().any(|name| pattern.matches(name)) {
            let message = text!(
                "no tool of {} matches {}",
                quote::named("manifest", &manifest.name),
                quote::string(text)
            );
            let near = suggestion(text, names());
            report.value_error(
                path,
                message,
                near.unwrap_or_else(|| "list its tools with `cofferdam module show`".into()),
            );
        }
    }
    Some(pattern)
}
