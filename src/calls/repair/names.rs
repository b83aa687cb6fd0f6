//! Names that are spelled in another way: another case, other separators, or with the module's name before the tool's.

use std::sync::Arc;

use crate::caller::Caller;
use crate::manifest::Tool;
use crate::registry::{Module, Registry};

/// What separates a prefix from a name, as hosts and models write it.
const SEPARATORS: [char; 5] = ['.', '_', '-', '/', ':'];

/// Whether two names have the same letters and digits in the same order, apart from case: `issueNumber` and `issue_number`.
pub(super) fn same(a: &str, b: &str) -> bool {
    fn plain(name: &str) -> impl Iterator<Item = u8> {
        name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase())
    }
    // Characters outside ASCII would be left out.
    a.is_ascii() && b.is_ascii() && plain(a).next().is_some() && plain(a).eq(plain(b))
}

/// The only one of `known` that is [the same](same) name as `found`.
pub(super) fn meant<'k>(found: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let mut meant = known.filter(|name| same(found, name));
    meant.next().filter(|_| meant.next().is_none())
}

/// The module that `name` means.
pub(crate) fn module<'r>(registry: &'r Registry, caller: &Caller, name: &str) -> Option<&'r Arc<Module>> {
    registry.module(caller, name).or_else(|| {
        let name = meant(name, registry.modules(caller).map(|module| module.name.as_str()))?;
        registry.module(caller, name)
    })
}

/// The tool of `module` that `name` means: as it is, in another spelling, or behind the module's name.
pub(crate) fn tool_of<'r>(module: &'r Module, name: &str) -> Option<&'r Arc<Tool>> {
    let known = || module.tools.iter().map(|tool| tool.name.as_str());
    let spelled = |name: &str| module.tool(name).or_else(|| module.tool(meant(name, known())?));
    spelled(name).or_else(|| spelled(without_module(module, name)?))
}

/// The tools that `name` means if it does not say of which module: those with this name, else those of the module whose name is
/// before it, else those that differ in their spelling.
pub(crate) fn tools<'r>(
    registry: &'r Registry,
    caller: &Caller,
    name: &str,
) -> Vec<(&'r Arc<Module>, &'r Arc<Tool>)> {
    let of_each = |find: &dyn Fn(&'r Arc<Module>) -> Option<&'r Arc<Tool>>| {
        let found = registry.modules(caller).filter_map(|module| Some((module, find(module)?)));
        found.collect::<Vec<_>>()
    };
    let mut found = of_each(&|module| module.tool(name));
    if found.is_empty() {
        found = of_each(&|module| tool_of(module, without_module(module, name)?));
    }
    if found.is_empty() {
        found = of_each(&|module| tool_of(module, name));
    }
    found
}

/// What is behind the module's name and a separator.
fn without_module<'n>(module: &Module, name: &'n str) -> Option<&'n str> {
    let rest = name.strip_prefix(module.name.as_str())?;
    rest.starts_with(SEPARATORS).then(|| rest.trim_start_matches(SEPARATORS))
}

/// Whether `name` is `known` behind a prefix that a host adds, such as `mcp__server__`.
pub(crate) fn follows_a_prefix(name: &str, known: &str) -> bool {
    name.strip_suffix(known).is_some_and(|prefix| prefix.ends_with(SEPARATORS))
}
