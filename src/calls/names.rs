//! Names that a caller sent: bounded and escaped before they are repeated, and what may have been meant.

use std::fmt::Write as _;

/// How much of a sent name is repeated, in characters. Real names have at most 64.
const SHOWN_CHARS: usize = 64;

/// How many near names are offered.
const OFFERED: usize = 3;

/// How alike two names must be to be offered, between 0 (nothing in common) and 1 (the same).
const ALIKE: f64 = 0.75;

/// A sent name without control characters, and no longer than a real one could be.
pub(crate) fn bounded(name: &str) -> String {
    let mut shown: String = name.chars().take(SHOWN_CHARS).flat_map(char::escape_debug).collect();
    if name.chars().nth(SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// ` Did you mean …?` with the most alike of `names`, or nothing.
///
/// `names` are those that the caller may see: a hidden name is never offered.
pub(super) fn did_you_mean<'a>(sent: &str, names: impl Iterator<Item = &'a str>) -> String {
    if sent.is_empty() || sent.len() > SHOWN_CHARS {
        return String::new();
    }
    let mut near: Vec<(f64, &str)> = names
        .map(|name| (strsim::jaro_winkler(sent, name), name))
        .filter(|(alike, _)| *alike >= ALIKE)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    near.truncate(OFFERED);
    let mut text = String::new();
    for (i, (_, name)) in near.iter().enumerate() {
        text.push_str(if i == 0 { " Did you mean " } else { " or " });
        // Writing to a String cannot fail.
        let _ = write!(text, "`{name}`");
    }
    if !text.is_empty() {
        text.push('?');
    }
    text
}

/// Names with commas and backticks around them.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for name in names {
        if !text.is_empty() {
            text.push_str(", ");
        }
        let _ = write!(text, "`{name}`");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sent_name_is_repeated_bounded_and_escaped() {
        assert_eq!(bounded("github"), "github");
        assert_eq!(bounded("a\u{1b}[2J\n"), "a\\u{1b}[2J\\n");
        let long = bounded(&"x".repeat(10_000));
        assert_eq!(long.chars().count(), SHOWN_CHARS + 1);
    }

    #[test]
    fn near_names_are_offered_best_first() {
        let names = ["notion", "github", "gitlab", "slack"];
        assert_eq!(did_you_mean("githb", names.into_iter()), " Did you mean `github` or `gitlab`?");
        assert_eq!(did_you_mean("zzz", names.into_iter()), "");
        assert_eq!(did_you_mean(&"g".repeat(500), names.into_iter()), "");
    }
}
