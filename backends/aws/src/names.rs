//! The mapping between paths and names of secrets.

use cofferdam_vault::SecretPath;

/// The secret that the probe describes. It need not exist.
const PROBE: &str = "cofferdam-probe";

/// The naming scheme: `prefix`, `/`, path; without a prefix only the path.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    prefix: Option<String>,
}

impl Names {
    pub(crate) fn new(prefix: Option<String>) -> Self {
        Self { prefix }
    }

    /// The name of the secret at `path`.
    pub(crate) fn name(&self, path: &SecretPath) -> String {
        self.with_prefix(path.as_str())
    }

    /// The path of the secret `name`; `None` if it does not have the prefix, or is not a valid path.
    pub(crate) fn path(&self, name: &str) -> Option<SecretPath> {
        let rest = match &self.prefix {
            Some(prefix) => name.strip_prefix(prefix.as_str())?.strip_prefix('/')?,
            None => name,
        };
        rest.parse().ok()
    }

    /// The common prefix of the names of all secrets at or below `path`; `None` if there is none.
    pub(crate) fn prefix_of(&self, path: Option<&SecretPath>) -> Option<String> {
        match path {
            Some(path) => Some(self.name(path)),
            None => self.prefix.as_ref().map(|prefix| format!("{prefix}/")),
        }
    }

    /// Whether names have a prefix.
    pub(crate) fn has_prefix(&self) -> bool {
        self.prefix.is_some()
    }

    /// The name of the secret that the probe describes.
    pub(crate) fn probe(&self) -> String {
        self.with_prefix(PROBE)
    }

    fn with_prefix(&self, path: &str) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}/{path}"),
            None => path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_vault::testkit::path;

    #[test]
    fn a_name_maps_back_to_its_path() {
        for (prefix, name) in [(None, "github/work"), (Some("team/cofferdam"), "team/cofferdam/github/work")]
        {
            let names = Names::new(prefix.map(str::to_owned));
            assert_eq!(names.name(&path("github/work")), name);
            assert_eq!(names.path(name), Some(path("github/work")));
        }
    }

    #[test]
    fn other_names_have_no_path() {
        let names = Names::new(Some("cofferdam".to_owned()));
        for name in
            ["cofferdam", "cofferdam/", "cofferdam2/github/work", "other", "cofferdam/GitHub", "cofferdam//a"]
        {
            assert_eq!(names.path(name), None, "{name}");
        }
    }
}
