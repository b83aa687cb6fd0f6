//! Commands in help lines, ready to paste.

use super::common::DEFAULT_PROFILE;

/// Returns `cofferdam ARGUMENTS` in backticks, with `--profile` unless `profile` is the default one.
pub(crate) fn command(profile: &str, arguments: &str) -> String {
    if profile == DEFAULT_PROFILE {
        format!("`cofferdam {arguments}`")
    } else {
        format!("`cofferdam {arguments} --profile {}`", quoted(profile))
    }
}

/// Quotes `word` for a POSIX shell, if it needs quotes.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:@+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_the_profile_in_use() {
        assert_eq!(command("dev", "secret list"), "`cofferdam secret list`");
        assert_eq!(command("airgap", "secret list"), "`cofferdam secret list --profile airgap`");
        assert_eq!(command("my team's.toml", "doctor"), r"`cofferdam doctor --profile 'my team'\''s.toml'`");
    }
}
