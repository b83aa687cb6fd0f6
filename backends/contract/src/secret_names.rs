//! The names of secrets in a store whose names cannot be paths.

use std::collections::BTreeMap;

use cofferdam_config::{Diagnostics, text};

use crate::SecretPath;

/// The mapping between paths and names: the names that the settings list, and for every other path its encoded form after a
/// prefix.
#[derive(Debug, Clone)]
pub struct SecretNames {
    /// Precedes each encoded path. Empty: nothing does.
    prefix: String,
    /// Names by path.
    listed: BTreeMap<String, String>,
    codec: NameCodec,
}

/// How a path is written as a name. No two paths have one name.
#[derive(Debug, Clone, Copy)]
pub struct NameCodec {
    /// The name of a path.
    pub encode: fn(&SecretPath) -> String,
    /// The text of the path that `encode` may have turned into this name. It need not be a path.
    pub decode: fn(&str) -> String,
}

impl SecretNames {
    /// The mapping of a vault.
    pub fn new(prefix: String, listed: BTreeMap<String, String>, codec: NameCodec) -> Self {
        Self { prefix, listed, codec }
    }

    /// Checks the key `key`, whose value is `listed`: each path must be one, and each name must be `valid`.
    pub fn check(
        key: &str,
        listed: &BTreeMap<String, String>,
        valid: fn(&str) -> bool,
        help: &'static str,
    ) -> Diagnostics {
        let mut found = Diagnostics::new();
        for (path, name) in listed {
            if let Err(error) = path.parse::<SecretPath>() {
                found.error(
                    key,
                    text!("{error}"),
                    "name a module and an account, for example \"github/work\"",
                );
            }
            if !valid(name) {
                found.error(key, "has a value that is not the name of a secret", help);
            }
        }
        found
    }

    /// The name of the secret at `path`.
    pub fn name(&self, path: &SecretPath) -> String {
        match self.listed.get(path.as_str()) {
            Some(name) => name.clone(),
            None => format!("{}{}", self.prefix, (self.codec.encode)(path)),
        }
    }

    /// The paths whose secret has this name: usually one or none.
    pub fn paths(&self, name: &str) -> Vec<SecretPath> {
        let listed = self.listed.iter().filter(|(_, listed)| *listed == name).map(|(path, _)| path.as_str());
        let mut paths: Vec<SecretPath> = listed.filter_map(|path| path.parse().ok()).collect();
        let encoded = name.strip_prefix(&self.prefix).map(self.codec.decode);
        let encoded = encoded.and_then(|text| text.parse::<SecretPath>().ok());
        // A path that is listed has another name, and a name that is not what `encode` writes has no path.
        paths.extend(
            encoded.filter(|path| self.name(path) == name && !self.listed.contains_key(path.as_str())),
        );
        paths
    }

    /// What the names of all secrets at and below `path` begin with; `None` if they have nothing in common.
    pub fn common_prefix(&self, path: Option<&SecretPath>) -> Option<String> {
        if !self.listed.is_empty() {
            return None;
        }
        let prefix = path.map_or_else(|| self.prefix.clone(), |path| self.name(path));
        (!prefix.is_empty()).then_some(prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::path;

    const DOTS: NameCodec =
        NameCodec { encode: |path| path.as_str().replace('/', "."), decode: |name| name.replace('.', "/") };

    #[test]
    fn a_listed_name_replaces_the_encoded_one() {
        let listed = BTreeMap::from([("github/work".to_owned(), "GitHub".to_owned())]);
        let names = SecretNames::new("team.".to_owned(), listed, DOTS);
        assert_eq!(names.name(&path("github/work")), "GitHub");
        assert_eq!(names.paths("GitHub"), [path("github/work")]);
        assert_eq!(names.paths("team.github.work"), [], "it is the secret of no path");
        assert_eq!(names.name(&path("notion/work")), "team.notion.work");
        assert_eq!(names.paths("team.notion.work"), [path("notion/work")]);
        for other in ["notion.work", "team.", "team.Notion", "team.a..b", "team.a/b"] {
            assert_eq!(names.paths(other), [], "{other}");
        }
        assert_eq!(names.common_prefix(None), None);
    }

    #[test]
    fn names_have_the_prefix_in_common() {
        let names = |prefix: &str| SecretNames::new(prefix.to_owned(), BTreeMap::new(), DOTS);
        assert_eq!(names("team.").common_prefix(None).as_deref(), Some("team."));
        assert_eq!(names("team.").common_prefix(Some(&path("a/b"))).as_deref(), Some("team.a.b"));
        assert_eq!(names("").common_prefix(None), None);
    }

    #[test]
    fn each_problem_of_a_list_is_found() {
        let check = |path: &str, name: &str| {
            let listed = BTreeMap::from([(path.to_owned(), name.to_owned())]);
            SecretNames::check("secrets", &listed, |name| name != "bad", "write another").len()
        };
        assert_eq!(
            (check("a/b", "good"), check("A", "good"), check("a/b", "bad"), check("A", "bad")),
            (0, 1, 1, 2)
        );
    }
}
