//! Versions for a store that has none.
//!
//! A version must change with the value, and must not help to guess it, so it is no digest: it is a number that
//! counts up each time a secret is seen to have changed. To see that, a digest of the values is kept in memory,
//! under a random key that never leaves the process. A value that returns gets a new number.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

use cofferdam_vault::Version;

/// How many secrets are remembered. Past it all are forgotten, which costs no more than a version
/// that changes once without need: the numbers go on, so none returns.
const MAX_SECRETS: usize = 10_000;

/// The versions of the secrets of one vault.
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
    /// The version of the secret that the variables `names` make up, now that they have these `values`.
    pub(crate) fn of(&self, names: Vec<String>, values: &[&str]) -> Version {
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
    fn a_version_changes_with_the_values_and_never_returns() {
        let versions = Versions::default();
        let of = |values: &[&str]| versions.of(vec!["A".to_owned(), "B".to_owned()], values);
        let first = of(&["a", "b"]);
        assert_eq!(of(&["a", "b"]), first);
        let moved = of(&["ab", ""]);
        assert_ne!(moved, first, "where one value ends counts");
        let back = of(&["a", "b"]);
        assert!(back != first && back != moved);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let versions = Versions::default();
        let first = versions.of(vec!["0".to_owned()], &["same"]);
        for number in 1..=MAX_SECRETS {
            versions.of(vec![number.to_string()], &["same"]);
        }
        assert!(versions.seen.lock().unwrap().secrets.len() <= MAX_SECRETS);
        assert_ne!(versions.of(vec!["0".to_owned()], &["same"]), first, "forgotten, and numbered anew");
    }
}
