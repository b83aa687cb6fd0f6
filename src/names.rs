//! Names that are not known: repeated safely, with those that may have been meant.

/// How long a name may be that is compared with others, in bytes; comparing costs the product of both lengths.
const COMPARED_BYTES: usize = 64;

/// The same text for names that differ only in case or by `-` and `_`.
pub(crate) fn folded(name: &str) -> String {
    name.to_ascii_lowercase().replace('-', "_")
}

/// The one of `known` that whoever wrote `found` into a file probably meant; `None` where nothing is near.
///
/// Counts the slips of a hand: letters that were changed, left out, added or swapped.
pub(crate) fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if found.len() > COMPARED_BYTES {
        return None;
    }
    // More than a third of the letters wrong is another word. One wrong is always worth a question.
    let reach = (found.chars().count() / 3).max(1);
    let found = folded(found);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&found, &folded(name)), name))
        .filter(|(distance, _)| *distance <= reach)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `` `a`, `b` `` for messages; `none` where there is nothing.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(quoted).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Between backticks, and without control characters; quotes and backslashes do no harm there.
fn quoted(name: &str) -> String {
    let plain = |c: char| match c {
        '"' | '\'' | '\\' => c.to_string(),
        _ => c.escape_debug().to_string(),
    };
    format!("`{}`", name.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        assert_eq!(nearest("bakend", ["backend", "file"]), Some("backend"));
        assert_eq!(nearest("pth", ["method", "path", "query"]), Some("path"));
        assert_eq!(nearest("github_vault", ["github-vault", "notes"]), Some("github-vault"));
        assert_eq!(nearest("zebra", ["backend", "file"]), None);
        assert_eq!(nearest(&"p".repeat(100_000), ["path"]), None);
    }

    #[test]
    fn a_list_is_quoted_and_escaped_and_may_be_empty() {
        assert_eq!(listed(["a", "\u{1b}x"]), r"`a`, `\u{1b}x`");
        assert_eq!(listed([]), "none");
    }
}
