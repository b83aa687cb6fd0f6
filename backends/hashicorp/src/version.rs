//! Versions for engines that have none.
//!
//! A version must change with the content, be the same for every handle, and not help to guess the content. So it is a
//! hash of the content under a random key that never leaves the process.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use cofferdam_vault::{ExposeSecret as _, SecretPath, SecretString, Version};

static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The version of the secret at `path` with these fields, in the order of their names.
pub(crate) fn from_content<'f>(
    path: &SecretPath,
    fields: impl Iterator<Item = (&'f str, &'f SecretString)>,
) -> Version {
    let content: Vec<_> = fields.map(|(name, value)| (name, value.expose_secret())).collect();
    Version::new(format!("{:016x}", KEY.hash_one((path, content))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_vault::testkit::{fields, path};

    #[test]
    fn a_version_depends_on_path_and_content() {
        let at = |place, content: &[(&str, &str)]| {
            let fields = fields(content.iter().copied());
            from_content(&path(place), fields.iter().map(|(name, value)| (name.as_str(), value)))
        };
        let first = at("a/b", &[("x", "1"), ("y", "2")]);
        assert_eq!(at("a/b", &[("y", "2"), ("x", "1")]), first);
        for (place, other) in [
            ("a/b", [("x", "12"), ("y", "")]),
            ("a/b", [("x", "2"), ("y", "1")]),
            ("a/c", [("x", "1"), ("y", "2")]),
        ] {
            assert_ne!(at(place, &other), first);
        }
    }
}
