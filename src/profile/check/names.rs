//! Names of vaults and modules that are too similar.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use cofferdam_config::suggestions::folded;
use cofferdam_config::{KeyPath, quote, text};

use super::report::Report;
use crate::profile::name::is_name;

/// Names that differ only by `-` and `_` are one name to an environment variable, and nearly one to a reader.
pub(in crate::profile) fn check(report: &mut Report) {
    for table in ["vaults", "modules"] {
        let names = report.names(table);
        let mut firsts: HashMap<String, &str> = HashMap::with_capacity(names.len());
        for name in names.iter().filter(|name| is_name(name)) {
            match firsts.entry(folded(name)) {
                Entry::Vacant(free) => {
                    free.insert(name);
                }
                Entry::Occupied(first) => {
                    let message = text!("differs from {} only in - and _", quote::string(first.get()));
                    report.key_error(&KeyPath::new([table, name]), message, "rename one of the two");
                }
            }
        }
    }
}
