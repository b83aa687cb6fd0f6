//! How a path is written as the name of a secret.
//!
//! A name consists of letters, digits and `-`, and its case does not matter. A path has `/` and `_` too. So runs of `-` say
//! what was there: one is `-`, two are `/`, three are `_`. Where several of these characters meet, four `-` are followed by a
//! letter for each (`d`, `s`, `u`) and one `-`: `github/work` is `github--work`, `client_id` is `client---id`, `a__b` is
//! `a----uu-b`.

use cofferdam_vault::{NameCodec, SecretPath};

/// Maximum length of a name, which is the API's.
pub(crate) const MAX_NAME_BYTES: usize = 127;

/// The encoding of paths.
pub(crate) const CODEC: NameCodec = NameCodec { encode, decode };

/// The characters of a path that are written as runs of `-`, by the length of the run, and their letters.
const SPECIAL: [(char, char); 3] = [('-', 'd'), ('/', 's'), ('_', 'u')];

/// What precedes the encoded path: the prefix as a first segment.
pub(crate) fn prefix(prefix: Option<&str>) -> String {
    prefix.map(|prefix| format!("{prefix}--")).unwrap_or_default()
}

/// Whether `text` is the name of a secret.
pub(crate) fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_special(char: char) -> bool {
    SPECIAL.iter().any(|(special, _)| *special == char)
}

fn encode(path: &SecretPath) -> String {
    let mut name = String::with_capacity(path.as_str().len() + 8);
    let mut rest = path.as_str();
    while let Some(at) = rest.find(is_special) {
        let (plain, tail) = rest.split_at(at);
        let end = tail.find(|char| !is_special(char)).unwrap_or(tail.len());
        let (run, tail) = tail.split_at(end);
        let places = run.chars().filter_map(|char| SPECIAL.iter().position(|(special, _)| *special == char));
        name.push_str(plain);
        match places.collect::<Vec<_>>().as_slice() {
            [place] => name.extend(std::iter::repeat_n('-', place + 1)),
            places => {
                name.push_str("----");
                name.extend(places.iter().map(|place| SPECIAL[*place].1));
                name.push('-');
            }
        }
        rest = tail;
    }
    name.push_str(rest);
    name
}

fn decode(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('-') {
        let (plain, tail) = rest.split_at(at);
        let tail_text = tail.trim_start_matches('-');
        path.push_str(plain);
        match tail.len() - tail_text.len() {
            length @ 1..=3 => {
                path.push(SPECIAL[length - 1].0);
                rest = tail_text;
            }
            _ => {
                let (letters, tail) = tail_text.split_once('-').unwrap_or((tail_text, ""));
                let special =
                    |letter| SPECIAL.iter().find(|(_, known)| *known == letter).map(|(char, _)| char);
                path.extend(letters.chars().filter_map(special));
                rest = tail;
            }
        }
    }
    path.push_str(rest);
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_vault::testkit::path;

    #[test]
    fn a_name_maps_back_to_its_path() {
        for (at, name) in [
            ("github/work", "github--work"),
            ("my-app/client_id", "my-app--client---id"),
            ("a__b", "a----uu-b"),
            ("a_/b", "a----us-b"),
            ("a_", "a---"),
            ("a--", "a----dd-"),
            ("a/b/c-", "a--b--c-"),
        ] {
            assert_eq!(encode(&path(at)), name);
            assert_eq!(decode(name), at);
            assert!(is_name(name));
        }
    }

    #[test]
    fn no_two_paths_have_one_name_in_any_case() {
        let mut seen = std::collections::BTreeMap::new();
        let alphabet = ['a', 'u', '_', '-', '/'];
        for number in 0..5_usize.pow(6) {
            let text: String = (0..6).map(|at| alphabet[number / 5_usize.pow(at) % 5]).collect();
            let Ok(path) = text.parse::<SecretPath>() else { continue };
            let name = encode(&path);
            assert_eq!(decode(&name), text);
            assert_eq!(seen.insert(name.to_ascii_lowercase(), text), None);
        }
        assert!(seen.len() > 1000, "{}", seen.len());
    }

    #[test]
    fn any_name_is_decoded_without_a_panic() {
        for name in ["", "-", "----", "-----", "----x", "----dz-a", "a----d", "------a"] {
            let _ = decode(name);
        }
    }
}
