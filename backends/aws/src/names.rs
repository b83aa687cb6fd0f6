//! From a path to a secret's name and back.

use cofferdam_vault::SecretPath;

/// What the probe asks about. It need not exist.
const PROBE: &str = "cofferdam-probe";

/// How paths are named: `prefix`, `/`, path; without a prefix the path alone.
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
        self.below(path.as_str())
    }

    /// The path of the secret `name`; `None` where it lies elsewhere, or is no path.
    pub(crate) fn path(&self, name: &str) -> Option<SecretPath> {
        let rest = match &self.prefix {
            Some(prefix) => name.strip_prefix(prefix.as_str())?.strip_prefix('/')?,
            None => name,
        };
        rest.parse().ok()
    }

    /// What the names of all secrets at or below `path` begin with; `None` where nothing narrows them.
    pub(crate) fn listed(&self, path: Option<&SecretPath>) -> Option<String> {
        match path {
            Some(path) => Some(self.name(path)),
            None => self.prefix.as_ref().map(|prefix| format!("{prefix}/")),
        }
    }

    /// Whether anything stands before every name.
    pub(crate) fn prefixed(&self) -> bool {
        self.prefix.is_some()
    }

    /// The name that the probe asks about.
    pub(crate) fn probe(&self) -> String {
        self.below(PROBE)
    }

    fn below(&self, path: &str) -> String {
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
    fn a_name_leads_back_to_its_path() {
        for (prefix, name) in [(None, "github/work"), (Some("team/cofferdam"), "team/cofferdam/github/work")]
        {
            let names = Names::new(prefix.map(str::to_owned));
            assert_eq!(names.name(&path("github/work")), name);
            assert_eq!(names.path(name), Some(path("github/work")));
        }
    }

    #[test]
    fn what_lies_elsewhere_has_no_path() {
        let names = Names::new(Some("cofferdam".to_owned()));
        for name in
            ["cofferdam", "cofferdam/", "cofferdam2/github/work", "other", "cofferdam/GitHub", "cofferdam//a"]
        {
            assert_eq!(names.path(name), None, "{name}");
        }
    }
}
