//! Which checks are known not to pass, and why.
//!
//! The suite has a baseline format of its own, but it accepts an entry whose check no longer exists, asks
//! for no reason, and counts a skipped check as good. Here each check that does not pass needs an entry, each entry a
//! check that does not pass, and a reason.

use std::collections::BTreeSet;

use serde::Deserialize;

/// A baseline file, as TOML.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    #[serde(default)]
    expected: Vec<Expected>,
}

/// Checks that do not pass for one reason.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    reason: String,
    revisions: Vec<String>,
    /// Each as `scenario:check`.
    checks: Vec<String>,
}

impl Baseline {
    /// Parses a baseline file. `revisions` are those that are run: an entry for another revision would never be checked.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn read(text: &str, revisions: &[&str]) -> Result<Self, String> {
        let baseline: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut known = BTreeSet::new();
        for entry in &baseline.expected {
            let first = entry.checks.first().map_or("", String::as_str);
            if entry.reason.trim().is_empty() {
                return Err(format!("the entry with `{first}` has no reason"));
            }
            if entry.checks.is_empty() || entry.revisions.is_empty() {
                return Err(format!("the entry `{}` is for nothing", entry.reason));
            }
            for revision in &entry.revisions {
                if !revisions.contains(&revision.as_str()) {
                    return Err(format!("the entry with `{first}` is for {revision}, which is not run"));
                }
                for check in &entry.checks {
                    if !known.insert((revision, check)) {
                        return Err(format!("`{check}` is listed twice for {revision}"));
                    }
                }
            }
        }
        Ok(baseline)
    }

    /// The checks that are expected not to pass in `revision`.
    pub(super) fn expected(&self, revision: &str) -> BTreeSet<&str> {
        let concerned =
            self.expected.iter().filter(|entry| entry.revisions.iter().any(|named| named == revision));
        concerned.flat_map(|entry| entry.checks.iter().map(String::as_str)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(reason: &str, revisions: &str, checks: &str) -> String {
        format!("[[expected]]\nreason = \"{reason}\"\nrevisions = {revisions}\nchecks = {checks}\n")
    }

    #[test]
    fn an_entry_is_for_its_revisions_only() {
        let text = entry("why", "['a']", "['s:c']") + &entry("why else", "['a', 'b']", "['t:c']");
        let baseline = Baseline::read(&text, &["a", "b"]).unwrap();
        assert_eq!(baseline.expected("a"), BTreeSet::from(["s:c", "t:c"]));
        assert_eq!(baseline.expected("b"), BTreeSet::from(["t:c"]));
        assert!(Baseline::read("", &["a"]).unwrap().expected("a").is_empty());
    }

    #[test]
    fn an_entry_that_says_too_little_or_nothing_is_refused() {
        let twice = entry("why", "['a']", "['s:c']").repeat(2);
        for (text, says) in [
            (entry(" ", "['a']", "['s:c']"), "no reason"),
            (entry("why", "[]", "['s:c']"), "for nothing"),
            (entry("why", "['a']", "[]"), "for nothing"),
            (entry("why", "['c']", "['s:c']"), "not run"),
            (twice, "twice"),
            ("[[expected]]\nchecks = []".into(), "missing field"),
            (entry("why", "['a']", "['s:c']") + "scenario = 's'", "unknown field"),
        ] {
            let refused = Baseline::read(&text, &["a", "b"]).unwrap_err();
            assert!(refused.contains(says), "{refused}");
        }
    }
}
