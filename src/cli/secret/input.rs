//! A secret's text on its way in: from a pipe, or typed without an echo.

use std::io::{self, IsTerminal as _, Read};

use cofferdam_vault::files::without_last_line_break;
use cofferdam_vault::{Prompt as _, SecretString};
use zeroize::Zeroizing;

use super::super::exit::CommandError;
use super::super::prompt::Terminal;

/// The largest text that is taken, in bytes: twice what the largest store here (64 KiB) is tested with.
const MAX_BYTES: usize = 128 * 1024;

/// The value of a secret's field: standard input where it is a pipe or a file, else a hidden prompt on the terminal.
///
/// One newline at the end is not part of it, for every editor and `echo` adds one.
///
/// # Errors
///
/// Where nothing comes, too much comes, or what comes is no text.
pub(super) fn value(question: &str) -> Result<SecretString, CommandError> {
    if io::stdin().is_terminal() {
        let typed = Terminal.secret(question).map_err(|error| {
            CommandError::usage(
                format!("nothing could be typed: {error}"),
                "give the value on standard input",
            )
        })?;
        return checked(typed);
    }
    from_reader(io::stdin().lock())
}

fn from_reader(reader: impl Read) -> Result<SecretString, CommandError> {
    // Of its full size from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 2));
    reader.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| {
        CommandError::usage(format!("standard input cannot be read: {error}"), "give the value on it")
    })?;
    if bytes.len() > MAX_BYTES {
        return Err(CommandError::usage(
            format!("standard input holds more than {MAX_BYTES} bytes"),
            "give one value, and nothing else",
        ));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        CommandError::usage("standard input is not UTF-8", "give text; encode what is binary")
    })?;
    checked(without_last_line_break(text).into())
}

fn checked(value: SecretString) -> Result<SecretString, CommandError> {
    use cofferdam_vault::ExposeSecret as _;
    if value.expose_secret().is_empty() {
        return Err(CommandError::usage("the value is empty", "give it on standard input, or type it"));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_vault::ExposeSecret as _;

    fn read(bytes: &[u8]) -> Option<String> {
        from_reader(bytes).ok().map(|value| value.expose_secret().to_owned())
    }

    #[test]
    fn one_newline_at_the_end_is_not_part_of_the_value() {
        assert_eq!(read(b"abc\n").as_deref(), Some("abc"));
        assert_eq!(read(b"abc\r\n").as_deref(), Some("abc"));
        assert_eq!(read(b"abc").as_deref(), Some("abc"));
        assert_eq!(read(b"-----BEGIN\nx\n\n").as_deref(), Some("-----BEGIN\nx\n"));
        assert_eq!(read(b" a b \n").as_deref(), Some(" a b "));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        assert_eq!(read(b""), None);
        assert_eq!(read(b"\n"), None);
        assert_eq!(read(b"\xff"), None);
        assert_eq!(read(&vec![b'a'; MAX_BYTES + 1]), None);
        assert!(read(&vec![b'a'; MAX_BYTES]).is_some());
    }
}
