//! The version of a secret: its number, and a digest that distinguishes two secrets of one ID.
//!
//! A secret that is deleted and created again counts its versions from one. With the number alone, a new credential would
//! look like the old one. Secret Manager returns nothing else with a payload, so the version also has a hash of the payload
//! under a random key that never leaves the process.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use cofferdam_vault::Version;

static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The version of the secret `id` with this number and payload.
pub(crate) fn version(id: &str, number: u64, payload: &[u8]) -> Version {
    Version::new(format!("{number}.{:016x}", KEY.hash_one((id, number, payload))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_depends_on_number_and_payload() {
        let first = version("a", 1, b"x");
        assert_eq!(version("a", 1, b"x"), first);
        assert!(first.as_str().starts_with("1."));
        for other in [version("a", 2, b"x"), version("a", 1, b"y"), version("b", 1, b"x")] {
            assert_ne!(other, first);
        }
    }
}
