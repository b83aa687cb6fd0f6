//! Where each key and value of a document is written.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::source::SourceText;
use crate::{KeyPath, Location};

/// Which half of `key = value` is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The name before the equals sign.
    Key,
    /// The value after it.
    Value,
}

/// Where a key and its value are written, in bytes. For a table with a header both are the header's.
#[derive(Debug, Clone)]
struct Spans {
    key: Range<usize>,
    value: Range<usize>,
}

/// Where each key and value of a document is written, by the path of the key. An entry of a list counts as a key.
#[derive(Debug)]
pub struct Positions {
    source: SourceText,
    spans: BTreeMap<KeyPath, Spans>,
}

impl Positions {
    /// The positions of everything in `root`, which was parsed from `source`.
    pub fn new(source: &SourceText, root: &DeTable<'_>) -> Self {
        let mut positions = Self { source: source.clone(), spans: BTreeMap::new() };
        positions.add_table(&KeyPath::default(), root);
        positions
    }

    /// Where `path` is written; if it is not there, where the nearest table around it is.
    pub fn location(&self, path: &KeyPath, part: Part) -> Location {
        let mut path = path.clone();
        let at = loop {
            if let Some(spans) = self.spans.get(&path) {
                break if part == Part::Key { spans.key.start } else { spans.value.start };
            }
            match path.parent() {
                Some(parent) => path = parent,
                None => break 0,
            }
        };
        self.source.location(at)
    }

    /// Whether `path` is in the document.
    pub fn contains(&self, path: &KeyPath) -> bool {
        self.spans.contains_key(path)
    }

    /// The names in the table `path`, in the order of the document.
    pub fn names(&self, path: &KeyPath) -> Vec<String> {
        let depth = path.keys().len() + 1;
        let mut names: Vec<_> = self
            .spans
            .iter()
            .filter(|(key, _)| key.keys().len() == depth && key.starts_with(path))
            .filter_map(|(key, spans)| Some((spans.key.start, key.keys().last()?.clone())))
            .collect();
        names.sort();
        names.into_iter().map(|(_, name)| name).collect()
    }

    fn add_table(&mut self, path: &KeyPath, table: &DeTable<'_>) {
        for (key, value) in table {
            self.add(path.child(key.get_ref()), key.span(), value);
        }
    }

    fn add(&mut self, path: KeyPath, key: Range<usize>, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => self.add_table(&path, table),
            DeValue::Array(entries) => {
                for (index, entry) in entries.iter().enumerate() {
                    self.add(path.child(index), entry.span(), entry);
                }
            }
            _ => {}
        }
        self.spans.insert(path, Spans { key, value: value.span() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Origin;
    use crate::document::parse;

    #[test]
    fn keys_values_and_entries_have_positions() {
        let source = SourceText::new(
            Origin::File("a.toml".into()),
            "[vaults.b]\nfile = 'x'\n[vaults.a]\nlist = [1,\n  { c = 2 }]\n",
        );
        let positions = Positions::new(&source, parse(&source).root());
        let at =
            |keys: &[&str], part| positions.location(&KeyPath::new(keys.iter().copied()), part).to_string();
        assert_eq!(at(&["vaults", "b", "file"], Part::Key), "a.toml:2:1");
        assert_eq!(at(&["vaults", "b", "file"], Part::Value), "a.toml:2:8");
        assert_eq!(at(&["vaults", "a", "list", "1", "c"], Part::Value), "a.toml:5:9");
        assert_eq!(at(&["vaults", "a", "absent"], Part::Value), "a.toml:3:1");
        assert_eq!(at(&["absent"], Part::Key), "a.toml:1:1");
        let vaults = KeyPath::new(["vaults"]);
        assert_eq!(positions.names(&vaults), ["b", "a"]);
        assert!(positions.contains(&vaults.child("a")) && !positions.contains(&vaults.child("c")));
    }
}
