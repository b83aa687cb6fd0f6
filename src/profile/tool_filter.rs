//! Which tools of its manifest a module has.

use std::fmt;
use std::str::FromStr;

use cofferdam_config::Shown;

use crate::manifest::SideEffect;

/// Which tools of its manifest a module has: `tools`, `effects` and `read_only` of its table. The others do not exist for
/// anyone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolFilter {
    /// `None` if every name is admitted.
    pub(super) patterns: Option<Vec<ToolPattern>>,
    /// `None` if every effect is admitted.
    pub(super) effects: Option<Vec<SideEffect>>,
}

impl ToolFilter {
    /// Whether a module has the tool `name`.
    pub fn admits(&self, name: &str, side_effect: SideEffect) -> bool {
        let by_name = self.patterns.as_ref().is_none_or(|all| all.iter().any(|one| one.matches(name)));
        by_name && self.effects.as_ref().is_none_or(|all| all.contains(&side_effect))
    }

    /// Whether a module has every tool of its manifest.
    pub fn admits_all(&self) -> bool {
        *self == Self::default()
    }
}

/// The name of a tool, in which `*` matches any characters: `get_*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToolPattern(String);

impl ToolPattern {
    pub(super) fn matches(&self, name: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == name };
        let Some(mut name) = name.strip_prefix(first) else { return false };
        let mut parts = rest.split('*').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return name.ends_with(part);
            }
            // The first match leaves the most for the others.
            let Some(at) = name.find(part) else { return false };
            name = &name[at + part.len()..];
        }
        true
    }
}

/// A pattern has a character that no tool's name has.
#[derive(Debug)]
pub(super) struct InvalidPattern;

impl Shown for InvalidPattern {}

impl fmt::Display for InvalidPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not the name of a tool or a pattern")
    }
}

impl FromStr for ToolPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'*');
        let valid = (1..=64).contains(&text.len()) && text.bytes().all(is_allowed);
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidPattern) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asterisk_matches_any_characters() {
        for (pattern, matching, others) in [
            ("get_issue", &["get_issue"][..], &["get_issues", "get_issu", ""][..]),
            ("get_*", &["get_", "get_issue"], &["get", "list_get_"]),
            ("*_issue", &["get_issue", "_issue"], &["get_issues", "issue"]),
            ("*", &["", "x"], &[]),
            ("a*b*c", &["abc", "axbyc", "abbcc", "abcbc"], &["ac", "acb", "abcd"]),
            ("*ab*ab", &["abab", "xababab"], &["ab", "xab"]),
            ("a*a", &["aa", "aba"], &["a"]),
        ] {
            let pattern: ToolPattern = pattern.parse().unwrap();
            assert!(matching.iter().all(|name| pattern.matches(name)), "{pattern:?}");
            assert!(!others.iter().any(|name| pattern.matches(name)), "{pattern:?}");
        }
        for invalid in ["", "Get", "get issue", "get-*", "get_?", &"a".repeat(65)] {
            assert!(invalid.parse::<ToolPattern>().is_err(), "{invalid}");
        }
    }
}
