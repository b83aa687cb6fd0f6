//! From paths of secrets to names of Secrets, and back.
//!
//! A name is a DNS subdomain as RFC 1123 defines it: labels of `a-z`, `0-9` and `-` with `.` between them, which begin and end
//! with a letter or a digit, at most 253 characters in total.
//!
//! | in a path | in the name |
//! |---|---|
//! | `/` | `.` |
//! | `_` | `--u` |
//! | `-` before a letter or a digit | `-` |
//! | any other `-` | `--d` |
//!
//! So `github/work` is `github.work`, and `my-notes/team_1` is `my-notes.team--u1`. Two hyphens always begin an escape, so no
//! two paths have one name. A path whose name would be longer than 253 characters is `long--h` and the SHA-256 of the path in
//! hexadecimal. No other path has a name with `--h`. The path is then in the annotation `cofferdam/path`.

use cofferdam_vault::SecretPath;
use sha2::{Digest as _, Sha256};

/// Maximum length of a name: that of a DNS subdomain.
const MAX_LENGTH: usize = 253;

/// What the name of a path that is too long begins with.
const HASHED: &str = "long--h";

/// The name of the Secret at `path`.
pub(crate) fn encode(path: &SecretPath) -> String {
    let text = path.as_str();
    let mut name = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('/', _) => name.push('.'),
            ('_', _) => name.push_str("--u"),
            ('-', Some(next)) if next.is_ascii_alphanumeric() => name.push('-'),
            ('-', _) => name.push_str("--d"),
            (other, _) => name.push(other),
        }
    }
    if name.len() <= MAX_LENGTH {
        return name;
    }
    let digest = Sha256::digest(text.as_bytes());
    let hexadecimal: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{HASHED}{hexadecimal}")
}

/// Whether `name` does not contain its path.
pub(crate) fn is_hashed(name: &str) -> bool {
    name.starts_with(HASHED)
}

/// The path whose Secret has this name; `None` if none has. `annotation` is the path that the Secret itself names.
pub(crate) fn decode(name: &str, annotation: Option<&str>) -> Option<SecretPath> {
    let text = match is_hashed(name) {
        true => annotation?.to_owned(),
        false => name.replace('.', "/").replace("--u", "_").replace("--d", "-"),
    };
    let path: SecretPath = text.parse().ok()?;
    // Other names may lead to the same text. Only one of them is the path's.
    (encode(&path) == name).then_some(path)
}

/// Whether `name` is a DNS label as RFC 1123 defines it.
pub(crate) fn is_namespace(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use cofferdam_vault::testkit::path;

    use super::*;

    /// Whether Kubernetes accepts `name`, by its rules.
    fn is_valid(name: &str) -> bool {
        let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let label = |label: &str| {
            let bytes = label.as_bytes();
            bytes.first().is_some_and(alphanumeric)
                && bytes.last().is_some_and(alphanumeric)
                && bytes.iter().all(|byte| alphanumeric(byte) || *byte == b'-')
        };
        name.len() <= 253 && name.split('.').all(label)
    }

    #[test]
    fn names_are_those_of_the_table() {
        for (text, name) in [
            ("github/work", "github.work"),
            ("my-notes/team_1", "my-notes.team--u1"),
            ("a-", "a--d"),
            ("a--b", "a--d-b"),
            ("a--d", "a--d-d"),
            ("a-_-/b_", "a--d--u--d.b--u"),
            ("a__b", "a--u--ub"),
        ] {
            assert_eq!(encode(&path(text)), name, "{text}");
        }
        let user = SecretPath::user_segment("https://id.example", "ada");
        assert_eq!(encode(&user), user.as_str());
    }

    #[test]
    fn every_path_has_a_valid_name_of_its_own() {
        let mut names = HashSet::new();
        let alphabet = ["", "a", "d", "u", "h", "1", "-", "_", "/a", "/d"];
        for one in alphabet {
            for two in alphabet {
                for three in alphabet {
                    for four in alphabet {
                        let text = format!("x{one}{two}{three}{four}");
                        let path = path(&text);
                        let name = encode(&path);
                        assert!(is_valid(&name), "{text}: {name}");
                        assert_eq!(decode(&name, None).as_ref(), Some(&path), "{name}");
                        names.insert((name, path));
                    }
                }
            }
        }
        let unique: HashSet<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(unique.len(), names.len(), "two paths have one name");
    }

    #[test]
    fn a_path_that_is_too_long_has_a_hashed_name() {
        let segment = "a".repeat(63);
        let long = [segment.as_str(); 4].join("/");
        let longer = format!("{long}/b");
        for text in [&long, &longer] {
            let name = encode(&path(text));
            assert!(is_valid(&name) && is_hashed(&name), "{name}");
            assert_eq!(decode(&name, Some(text)), Some(path(text)));
            assert_eq!(decode(&name, None), None);
            assert_eq!(decode(&name, Some("github/work")), None, "an annotation that is not the name's");
        }
        assert_ne!(encode(&path(&long)), encode(&path(&longer)));
        assert!(!is_hashed(&encode(&path(&"b".repeat(64)))));
    }

    #[test]
    fn what_is_no_name_of_ours_has_no_path() {
        for name in ["a--db", "a--x", "A", "a..b", "a_b", "-a", "long--h00", "x--h1"] {
            assert_eq!(decode(name, None), None, "{name}");
        }
        assert_eq!(decode("kube-root-ca.crt", None), Some(path("kube-root-ca/crt")));
    }
}
