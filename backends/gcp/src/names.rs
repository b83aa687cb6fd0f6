//! How a path is written as the ID of a secret.
//!
//! An ID consists of letters, digits, `_` and `-`; a path has `/` too, and no capital letters. So `/` is `__`, and of `_` only
//! one that another `_` or the end of a segment follows is escaped, as `_U`: `github/work` is `github__work`, `a_b/c` is
//! `a_b__c`, `a__b` is `a_U_b`.

use cofferdam_vault::{NameCodec, SecretPath};

/// Maximum length of an ID, which is the API's.
pub(crate) const MAX_ID_BYTES: usize = 255;

/// The encoding of paths.
pub(crate) const CODEC: NameCodec = NameCodec { encode, decode };

/// What precedes the encoded path: the prefix as a first segment.
pub(crate) fn prefix(prefix: Option<&str>) -> String {
    prefix.map(|prefix| format!("{prefix}__")).unwrap_or_default()
}

/// Whether `text` is the ID of a secret.
pub(crate) fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(allowed)
}

fn encode(path: &SecretPath) -> String {
    let mut id = String::with_capacity(path.as_str().len() + 8);
    let mut rest = path.as_str().chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '/' => id.push_str("__"),
            '_' if matches!(rest.peek(), None | Some('_' | '/')) => id.push_str("_U"),
            char => id.push(char),
        }
    }
    id
}

fn decode(id: &str) -> String {
    let mut path = String::with_capacity(id.len());
    let mut rest = id.chars().peekable();
    while let Some(char) = rest.next() {
        match (char, rest.peek()) {
            ('_', Some('_')) => {
                rest.next();
                path.push('/');
            }
            ('_', Some('U')) => {
                rest.next();
                path.push('_');
            }
            (char, _) => path.push(char),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_vault::testkit::path;

    #[test]
    fn an_id_maps_back_to_its_path() {
        for (at, id) in [
            ("github/work", "github__work"),
            ("my-app/client_id", "my-app__client_id"),
            ("a_/b", "a_U__b"),
            ("a__b", "a_U_b"),
            ("a___", "a_U_U_U"),
            ("a_-b", "a_-b"),
            ("a/b/c-", "a__b__c-"),
        ] {
            assert_eq!(encode(&path(at)), id);
            assert_eq!(decode(id), at);
            assert!(is_id(id));
        }
    }

    #[test]
    fn no_two_paths_have_one_id() {
        let mut seen = std::collections::BTreeMap::new();
        let alphabet = ['a', '_', '-', '/'];
        for number in 0..4_usize.pow(6) {
            let text: String = (0..6).map(|at| alphabet[number / 4_usize.pow(at) % 4]).collect();
            let Ok(path) = text.parse::<SecretPath>() else { continue };
            let id = encode(&path);
            assert_eq!(decode(&id), text);
            assert_eq!(seen.insert(id, text), None);
        }
        assert!(seen.len() > 100, "{}", seen.len());
    }
}
