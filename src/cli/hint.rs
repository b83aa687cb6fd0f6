//! Commands in help lines, ready to paste.

use cofferdam_config::{Text, text};

use super::common::DEFAULT_PROFILE;

/// Returns `cofferdam ARGUMENTS` in backticks, with `--profile` unless `profile` is the default one.
pub(crate) fn command(profile: &str, arguments: impl Into<Text>) -> Text {
    let arguments = arguments.into();
    if profile == DEFAULT_PROFILE {
        text!("`cofferdam {arguments}`")
    } else {
        // The profile is in use, so its name is not a secret that was pasted.
        text!("`cofferdam {arguments} --profile {}`", Text::unchecked(quoted(profile)))
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
