//! The words of a text, as the search compares them: in lower case, split at the joints of names, and stemmed by a few English
//! suffix rules.

/// Words that are not indexed.
const STOP_WORDS: [&str; 33] = [
    "a", "all", "an", "and", "are", "as", "at", "be", "by", "can", "do", "for", "from", "how", "i", "in",
    "is", "it", "me", "my", "of", "on", "one", "or", "that", "the", "this", "to", "want", "what", "where",
    "which", "with",
];

/// Whether a word in lower case is left out.
pub(super) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.contains(&word)
}

/// The words of a text, stemmed, without stop words.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    each_word(text, |word| {
        if !is_stop_word(word) {
            words.push(stem(word));
        }
    });
    words
}

/// Calls `take` with each word of a text, in lower case.
pub(super) fn each_word(text: &str, mut take: impl FnMut(&str)) {
    let mut word = String::new();
    let mut after_lower = false;
    for c in text.chars() {
        let hump = c.is_uppercase() && after_lower;
        if (hump || !c.is_alphanumeric()) && !word.is_empty() {
            take(&word);
            word.clear();
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        after_lower = c.is_lowercase() || c.is_numeric();
    }
    if !word.is_empty() {
        take(&word);
    }
}

/// The stem of a word: `issues` and `issue`, `merged` and `merge` have the same stem.
pub(super) fn stem(word: &str) -> String {
    let long_enough = |stem: &str| stem.chars().count() >= 3;
    let mut stem = word.to_owned();
    if let Some(short) = word.strip_suffix("ies").filter(|short| long_enough(short)) {
        stem = format!("{short}y");
    } else if let Some(short) = word.strip_suffix('s').filter(|short| long_enough(short))
        && !short.ends_with(['s', 'u', 'i'])
    {
        stem = short.to_owned();
    }
    for ending in ["ing", "ed"] {
        if let Some(short) = stem.strip_suffix(ending).filter(|short| long_enough(short)) {
            stem = short.to_owned();
            break;
        }
    }
    match stem.strip_suffix('e').filter(|short| long_enough(short)) {
        Some(short) => short.to_owned(),
        None => stem,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_forms_of_a_word_have_one_stem() {
        for forms in [
            ["issue", "issues", "Issues"],
            ["merge", "merged", "merging"],
            ["create", "created", "creates"],
            ["search", "searches", "searching"],
            ["repository", "repositories", "REPOSITORY"],
            ["list", "listing", "lists"],
        ] {
            let stemmed: HashSet<_> = forms.iter().flat_map(|form| words(form)).collect();
            assert_eq!(stemmed.len(), 1, "{forms:?} became {stemmed:?}");
        }
        assert_ne!(stem("status"), stem("state"));
    }

    #[test]
    fn names_are_split_at_their_joints() {
        assert_eq!(words("create_pullRequest-v2 of HTTP"), ["creat", "pull", "request", "v2", "http"]);
        assert_eq!(words("Größe, naïve"), ["größ", "naïv"]);
        assert!(words(" -- the of ").is_empty());
    }
}
