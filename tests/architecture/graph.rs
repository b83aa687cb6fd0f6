//! Which file names an item of which other file, with re-exports followed to the file that defines the item.

use std::collections::{BTreeMap, BTreeSet};

use crate::paths::{Named, module_of, named_in};
use crate::sources::{Source, production};

/// The most re-exports that are followed for one name.
const MAX_HOPS: usize = 8;

/// The files of one crate, and the names that each of them uses.
pub(crate) struct Crate {
    /// The file of each module, by its path without `crate`.
    modules: BTreeMap<String, String>,
    /// What each file names.
    named: BTreeMap<String, Vec<Named>>,
    /// The module path of each file.
    paths: BTreeMap<String, Vec<String>>,
}

/// From a file to the files that define what it names, each with one of these names.
pub(crate) type Edges = BTreeMap<String, BTreeMap<String, String>>;

impl Crate {
    /// The crate of these files.
    pub(crate) fn new(sources: &[Source]) -> Self {
        let mut found = Self { modules: BTreeMap::new(), named: BTreeMap::new(), paths: BTreeMap::new() };
        for Source { file, text } in sources {
            let path = module_of(file);
            // `main.rs` is a crate of its own that names this one.
            if !file.ends_with("src/main.rs") {
                found.modules.insert(path.join("::"), file.clone());
            }
            found.named.insert(file.clone(), named_in(file, production(text)));
            found.paths.insert(file.clone(), path);
        }
        found
    }

    /// Every edge between two files.
    pub(crate) fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (file, named) in &self.named {
            let targets: BTreeSet<_> = named
                .iter()
                .filter_map(|name| Some((self.defines(file, &name.path, 0)?, &name.path)))
                .collect();
            let targets = targets.into_iter().filter(|(target, _)| target != file);
            edges.insert(file.clone(), targets.map(|(target, path)| (target, path.clone())).collect());
        }
        edges
    }

    /// The file that defines `path`, as `file` names it; `None` if that is in another crate.
    fn defines(&self, file: &str, path: &str, hops: usize) -> Option<String> {
        let (first, rest) = path.split_once("::").unwrap_or((path, ""));
        if first == "crate" || first == "cofferdam" {
            return self.below_root(rest, hops);
        }
        // A name that the file imports, or a module inside it.
        let imported = self.import(file, first).filter(|imported| *imported != path);
        if let Some(imported) = imported {
            let joined = [imported, rest].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
            return (hops < MAX_HOPS).then(|| self.defines(file, &joined.join("::"), hops + 1)).flatten();
        }
        let own: Vec<&str> = self.paths[file].iter().map(String::as_str).chain([first]).collect();
        self.modules.contains_key(&own.join("::")).then(|| {
            let whole: Vec<&str> = own[..own.len() - 1].iter().copied().chain(path.split("::")).collect();
            self.below_root(&whole.join("::"), hops)
        })?
    }

    /// The file that defines `path` from the root of the crate.
    fn below_root(&self, path: &str, hops: usize) -> Option<String> {
        let steps: Vec<&str> = path.split("::").filter(|step| !step.is_empty()).collect();
        let length =
            (0..=steps.len()).rev().find(|&length| self.modules.contains_key(&steps[..length].join("::")))?;
        let file = &self.modules[&steps[..length].join("::")];
        let Some(name) = steps.get(length) else { return Some(file.clone()) };
        // What the module imports under this name, it re-exports.
        match self.import(file, name) {
            Some(_) if hops < MAX_HOPS => {
                self.defines(file, &steps[length..].join("::"), hops + 1).or_else(|| Some(file.clone()))
            }
            _ => Some(file.clone()),
        }
    }

    /// The path that `file` imports as `name`.
    fn import(&self, file: &str, name: &str) -> Option<&str> {
        let named = self.named.get(file)?;
        named.iter().find(|named| named.import.as_deref() == Some(name)).map(|named| named.path.as_str())
    }
}

/// The edges between groups of files; files that `group` returns `None` for are left out.
pub(crate) fn grouped(edges: &Edges, group: impl Fn(&str) -> Option<String>) -> Edges {
    let mut found = Edges::new();
    for (file, targets) in edges {
        let Some(from) = group(file) else { continue };
        let all = found.entry(from.clone()).or_default();
        for (target, path) in targets {
            if let Some(to) = group(target).filter(|to| *to != from) {
                all.entry(to).or_insert_with(|| format!("{file} names `{path}`"));
            }
        }
    }
    found
}

/// One cycle of each group of nodes that reach each other, as the edges of the cycle.
pub(crate) fn cycles(edges: &Edges) -> Vec<String> {
    let mut problems = Vec::new();
    let mut reported = BTreeSet::new();
    for start in edges.keys() {
        if reported.contains(start) {
            continue;
        }
        if let Some(cycle) = cycle_from(edges, start) {
            let steps = cycle.windows(2).map(|step| {
                let why = &edges[&step[0]][&step[1]];
                format!("  {} -> {} ({why})", step[0], step[1])
            });
            problems.push(format!("a cycle:\n{}", steps.collect::<Vec<_>>().join("\n")));
            reported.extend(cycle);
        }
    }
    problems
}

/// A shortest path from `start` to itself.
fn cycle_from(edges: &Edges, start: &str) -> Option<Vec<String>> {
    let mut paths = std::collections::VecDeque::from([vec![start.to_owned()]]);
    let mut seen = BTreeSet::new();
    while let Some(path) = paths.pop_front() {
        for next in edges.get(path.last()?).into_iter().flat_map(BTreeMap::keys) {
            let longer: Vec<String> = path.iter().cloned().chain([next.clone()]).collect();
            if next == start {
                return Some(longer);
            }
            if seen.insert(next.clone()) {
                paths.push_back(longer);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::planted;

    fn targets(files: &[(&str, &str)], file: &str) -> Vec<String> {
        Crate::new(&planted(files)).edges()[file].keys().cloned().collect()
    }

    #[test]
    fn a_name_leads_to_the_file_that_defines_it() {
        let files = [
            ("src/lib.rs", "pub mod a;\nmod b;\npub use b::Thing;\nuse a::inner as short;"),
            ("src/a/mod.rs", "mod inner;\npub use inner::Item;\npub struct Own;"),
            ("src/a/inner.rs", "pub struct Item;"),
            ("src/b.rs", "use crate::a::{self, Item};\nfn f() -> a::Own {}"),
            ("src/c.rs", "use crate::Thing;"),
            ("src/d.rs", "use super::short::Item; use std::fmt;"),
        ];
        assert_eq!(targets(&files, "src/b.rs"), ["src/a/inner.rs", "src/a/mod.rs"]);
        assert_eq!(targets(&files, "src/c.rs"), ["src/b.rs"]);
        assert_eq!(targets(&files, "src/d.rs"), ["src/a/inner.rs"]);
        assert_eq!(targets(&files, "src/a/mod.rs"), ["src/a/inner.rs"]);
    }
}
