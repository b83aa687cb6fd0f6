//! Which store a vault is, so that two vaults over one store are recognised before a secret is read.

use std::path::{Component, Path, PathBuf};

/// What distinguishes a store from the others of its backend, as far as the settings say it.
///
/// A part is unknown if only a connection could tell it, such as the account of a login. An unknown part may be anything.
///
/// ```
/// use cofferdam_vault::StoreIdentity;
///
/// let store = |region: &str, account: Option<&str>| {
///     StoreIdentity::new([Some(region.to_owned()), account.map(str::to_owned)])
/// };
/// assert!(store("eu", Some("1")).may_be(&store("eu", Some("1"))));
/// assert!(store("eu", Some("1")).may_be(&store("eu", None)));
/// assert!(!store("eu", Some("1")).may_be(&store("eu", Some("2"))));
/// assert!(!store("eu", None).may_be(&store("us", None)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreIdentity(Vec<Option<String>>);

impl StoreIdentity {
    /// The store with these parts. All vaults of a backend have the same parts in the same order; a backend with one store
    /// for the whole machine has none.
    pub fn new(parts: impl IntoIterator<Item = Option<String>>) -> Self {
        Self(parts.into_iter().collect())
    }

    /// Whether both may be the same store: no part that is known of both differs.
    pub fn may_be(&self, other: &Self) -> bool {
        let differs = |(one, other): (&Option<String>, &Option<String>)| {
            one.as_ref().zip(other.as_ref()).is_some_and(|(one, other)| one != other)
        };
        !self.0.iter().zip(&other.0).any(differs)
    }
}

/// The absolute path of `path`, which is relative to `base_dir`, without `.` and `..`: equal for two spellings of one path.
///
/// Touches no file, so two links to one file are two paths.
pub fn absolute_path(base_dir: &Path, path: &Path) -> PathBuf {
    let joined = base_dir.join(path);
    let absolute = std::path::absolute(&joined).unwrap_or(joined);
    let mut plain = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_path_are_equal() {
        let at = |path: &str| absolute_path(Path::new("/site/profiles"), Path::new(path));
        for same in ["v.age", "./v.age", "x/../v.age", "../profiles/v.age", "/site/profiles//v.age"] {
            assert_eq!(at(same), Path::new("/site/profiles/v.age"), "{same}");
        }
        assert_eq!(at("/../../v.age"), Path::new("/v.age"));
    }
}
