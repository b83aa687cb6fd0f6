//! Versions for a store that has none.
//!
//! A version must change with the value, and must not help to guess it. So it is not a digest but a number that increases
//! each time a read finds a changed secret. To detect a change, a digest of the values is kept in memory, under a random
//! key that never leaves the process. A value that returns gets a new number.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

use cofferdam_vault::Version;

/// Maximum number of secrets to keep digests of. Beyond it, all digests are dropped, and each version changes once without
/// need. Numbers still increase, so none is reused.
const MAX_SECRETS: usize = 10_000;

/// The versions of one vault's secrets.
#[derive(Default)]
pub(crate) struct Versions {
    key: RandomState,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    last: u64,
    secrets: HashMap<Vec<String>, (u64, u64)>,
}

impl Versions {
    /// The version of the secret in the variables `names`, which have these `values`.
    pub(crate) fn version(&self, names: Vec<String>, values: &[&str]) -> Version {
        let digest = self.key.hash_one(values);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((number, known)) = seen.secrets.get(&names)
            && *known == digest
        {
            return Version::new(number.to_string());
        }
        if seen.secrets.len() >= MAX_SECRETS {
            seen.secrets.clear();
        }
        seen.last += 1;
        let number = seen.last;
        seen.secrets.insert(names, (number, digest));
        Version::new(number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_changes_with_the_values_and_is_never_reused() {
        let versions = Versions::default();
        let version = |values: &[&str]| versions.version(vec!["A".to_owned(), "B".to_owned()], values);
        let first = version(&["a", "b"]);
        assert_eq!(version(&["a", "b"]), first);
        let moved = version(&["ab", ""]);
        assert_ne!(moved, first, "the boundary between values matters");
        let back = version(&["a", "b"]);
        assert!(back != first && back != moved);
    }

    #[test]
    fn the_number_of_digests_is_bounded() {
        let versions = Versions::default();
        let first = versions.version(vec!["0".to_owned()], &["same"]);
        for number in 1..=MAX_SECRETS {
            versions.version(vec![number.to_string()], &["same"]);
        }
        assert!(versions.seen.lock().unwrap().secrets.len() <= MAX_SECRETS);
        assert_ne!(versions.version(vec!["0".to_owned()], &["same"]), first, "dropped, and numbered again");
    }
}
