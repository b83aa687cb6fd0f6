//! Names that are not known: repeated safely, with the known names that were probably meant.
//!
//! Known names come from files, too. One that [looks like a credential](quote::looks_like_a_credential) is neither listed
//! nor suggested.

use cofferdam_config_macros::text;

use crate::{Text, quote};

/// The longest part of a name that is repeated, in characters. Real names have at most 64.
const SHOWN_CHARS: usize = 64;

/// The longest name that is compared with others, in bytes. Comparing costs the product of both lengths.
const COMPARED_BYTES: usize = 64;

/// How many similar names are offered to a model.
const OFFERED: usize = 3;

/// The least similarity of a name that is offered to a model, between 0 (nothing in common) and 1 (the same).
const MIN_SIMILARITY: f64 = 0.75;

/// `name` with control characters escaped, cut to the length of the longest real name. A name that [looks like a
/// credential](quote::looks_like_a_credential) is described.
///
/// For a name that a caller sent, in an answer to that caller and in the log.
pub fn bounded(name: &str) -> String {
    if quote::looks_like_a_credential(name) {
        return quote::string(name).to_string();
    }
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b' ');
    if name.len() <= SHOWN_CHARS && name.bytes().all(is_plain) {
        return name.to_owned();
    }
    let mut shown: String = name.chars().take(SHOWN_CHARS).flat_map(char::escape_debug).collect();
    if name.chars().nth(SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// `name` in lowercase, with `_` for `-`: the same string for names that differ only in these.
pub fn folded(name: &str) -> String {
    name.to_ascii_lowercase().replace('-', "_")
}

/// The one of `known` that the author of a file probably meant by `found`; `None` if none is similar.
///
/// Counts typing errors: letters that were changed, left out, added or swapped.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if found.len() > COMPARED_BYTES {
        return None;
    }
    // With more than a third of the letters wrong it is another word. One wrong letter is always worth a question.
    let max_distance = (found.chars().count() / 3).max(1);
    let found = folded(found);
    known
        .into_iter()
        .filter(|name| !quote::looks_like_a_credential(name))
        .map(|name| (strsim::damerau_levenshtein(&found, &folded(name)), name))
        .filter(|(distance, _)| *distance <= max_distance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `did you mean "NAME"?` with the [nearest] of `known`, for a help.
pub fn suggestion<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<Text> {
    nearest(found, known).map(|near| text!("did you mean \"{}\"?", Text::unchecked(escaped(near))))
}

/// ` Did you mean …?` with the most similar of `names`, or nothing.
///
/// For a name that a model made up. A model remembers the beginning of a name better than its end, so beginnings weigh
/// more than in [`nearest`], and several names are offered. `names` are those that the caller may see: a hidden name is
/// never offered.
pub fn did_you_mean<'a>(sent: &str, names: impl Iterator<Item = &'a str>) -> String {
    if sent.is_empty() || sent.len() > COMPARED_BYTES {
        return String::new();
    }
    let mut near: Vec<(f64, &str)> = names
        .map(|name| (strsim::jaro_winkler(sent, name), name))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .collect();
    if near.is_empty() {
        return String::new();
    }
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let near: Vec<String> =
        near.iter().take(OFFERED).map(|(_, name)| format!("`{}`", escaped(name))).collect();
    format!(" Did you mean {}?", near.join(" or "))
}

/// Names for the end of a sentence: `a, b, c`; `none` if there are none. Control characters are escaped.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> Text {
    let names = shown(names);
    if names.is_empty() { "none".into() } else { Text::join(names, ", ") }
}

/// Names of which one is to be chosen: `a, b or c`; `none` if there are none. Control characters are escaped.
pub fn alternatives<'a>(names: impl IntoIterator<Item = &'a str>) -> Text {
    let mut names = shown(names);
    match (names.pop(), names.is_empty()) {
        (None, _) => "none".into(),
        (Some(only), true) => only,
        (Some(last), false) => text!("{} or {last}", Text::join(names, ", ")),
    }
}

fn shown<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Text> {
    let allowed = names.into_iter().filter(|name| !quote::looks_like_a_credential(name));
    allowed.map(|name| Text::unchecked(escaped(name))).collect()
}

/// `name` without control characters. Quotes and backslashes do no harm.
fn escaped(name: &str) -> String {
    let plain = |c: char| match c {
        '"' | '\'' | '\\' => c.to_string(),
        _ => c.escape_debug().to_string(),
    };
    name.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sent_name_is_cut_and_escaped() {
        assert_eq!(bounded("github"), "github");
        assert_eq!(bounded("a\u{1b}[2J\n"), "a\\u{1b}[2J\\n");
        let long = bounded(&"name-".repeat(2000));
        assert_eq!(long.chars().count(), SHOWN_CHARS + 1);
    }

    #[test]
    fn near_names_are_offered_best_first() {
        let names = ["notion", "github", "gitlab", "slack"];
        assert_eq!(did_you_mean("githb", names.into_iter()), " Did you mean `github` or `gitlab`?");
        assert_eq!(did_you_mean("zzz", names.into_iter()), "");
        assert_eq!(did_you_mean(&"g".repeat(500), names.into_iter()), "");
    }

    #[test]
    fn the_nearest_name_is_near() {
        assert_eq!(nearest("bakend", ["backend", "file"]), Some("backend"));
        assert_eq!(nearest("pth", ["method", "path", "query"]), Some("path"));
        assert_eq!(nearest("github_vault", ["github-vault", "notes"]), Some("github-vault"));
        assert_eq!(nearest("zebra", ["backend", "file"]), None);
        assert_eq!(nearest(&"p".repeat(100_000), ["path"]), None);
    }

    #[test]
    fn lists_are_escaped_and_may_be_empty() {
        assert_eq!(list(["a", "\u{1b}x", "b\"c"]), "a, \\u{1b}x, b\"c");
        assert_eq!(alternatives(["bearer", "header", "basic"]), "bearer, header or basic");
        assert_eq!(alternatives(["ask"]), "ask");
        assert_eq!((list([]), alternatives([])), ("none".into(), "none".into()));
    }
}
