//! A child's standard error in the log: a stranger's text, which may contain anything.

use cofferdam_config::quote;

use super::{End, Environment};

/// How much of it is logged, in bytes.
const MAX_LOGGED: usize = 2 << 10;

/// The shortest part of a secret that is removed. A shorter one would remove half of the text.
const MIN_SECRET_BYTES: usize = 4;

/// What replaces what may be secret.
const REMOVED: &str = "[…]";

/// Logs the standard error of `program`, which ended with `end`, at the level `DEBUG` of the target
/// `cofferdam_vault::process::standard_error`.
///
/// Removed are `secrets` (what the child wrote to its standard output, what it read, what else is known), the values of
/// its `environment`, control characters, and every word that may not be quoted in a diagnostic.
pub fn log_errors(program: &str, end: End, errors: &[u8], secrets: &[&[u8]], environment: &Environment) {
    if errors.is_empty() || !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let values = environment.variables().map(|(_, value)| value.as_encoded_bytes());
    let secrets: Vec<&[u8]> = secrets.iter().copied().chain(values).collect();
    tracing::debug!("{program} {end}, and wrote to its standard error: {}", scrub(errors, &secrets));
}

/// `errors` on one line, without `secrets` and without what may be one.
fn scrub(errors: &[u8], secrets: &[&[u8]]) -> String {
    let mut text = String::from_utf8_lossy(errors).into_owned();
    for secret in parts(secrets) {
        text = text.replace(&secret, REMOVED);
    }
    let mut scrubbed = String::new();
    let mut rest = text.as_str();
    while !rest.is_empty() && scrubbed.len() < MAX_LOGGED {
        let length = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        scrubbed.push_str(if word.is_empty() || quote::is_quotable_path(word) { word } else { REMOVED });
        let mut characters = after.chars();
        match characters.next() {
            Some('\n') => scrubbed.push_str(" | "),
            Some(c) if c.is_control() => scrubbed.push(' '),
            Some(c) => scrubbed.push(c),
            None => {}
        }
        rest = characters.as_str();
    }
    scrubbed.trim_end_matches([' ', '|']).to_owned()
}

/// Words of characters that a generated secret has.
fn in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | '+' | '=' | '~' | '%')
}

/// Each secret as a whole, each of its lines, and each string if it is JSON, the longest first.
fn parts(secrets: &[&[u8]]) -> Vec<String> {
    let mut parts = Vec::new();
    for secret in secrets {
        let text = String::from_utf8_lossy(secret);
        parts.push(text.trim().to_owned());
        parts.extend(text.lines().map(|line| line.trim().to_owned()));
        for part in text.split(['"', '\\']) {
            parts.push(part.to_owned());
            // What follows an escape such as `\n`.
            parts.extend(part.get(1..).map(str::to_owned));
        }
    }
    parts.retain(|part| part.len() >= MIN_SECRET_BYTES);
    parts.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    parts.dedup();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_stays_and_secrets_go() {
        const SECRETS: &[&[u8]] =
            &[b"hunter two\nopen sesame\n", b"abc", br#"{"user": "ada lovelace", "key": "new\nline two"}"#];
        let scrubbed = |text: &str| scrub(text.as_bytes(), SECRETS);
        for (text, expected) in [
            ("gpg: decryption failed: No secret key\n", "gpg: decryption failed: No secret key"),
            ("open /run/secrets/key: permission denied", "open /run/secrets/key: permission denied"),
            ("the value is 'hunter two'", "the value is '[…]'"),
            ("first open sesame, then abc", "first […], then abc"),
            ("user ada lovelace has the key: new\nline two", "[…] […] has the key: new | […]"),
            ("token ghp_16C7e42F292c6912E7710c838347Ae178B4a!", "token […]!"),
            ("c2VjcmV0IHNlY3JldCBzZWNyZXQ= is bad", "[…] is bad"),
            ("one\u{1b}[31m\ntwo\r\n", "one [31m | two"),
            ("x9Kd83jfKq02nfYb.", "[…]"),
        ] {
            assert_eq!(scrubbed(text), expected, "{text}");
        }
    }

    #[test]
    fn a_flood_is_cut() {
        assert!(scrub("word ".repeat(10_000).as_bytes(), &[]).len() <= MAX_LOGGED + 8);
    }
}
