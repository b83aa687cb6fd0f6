//! Reads the value of a secret from standard input or from a prompt without echo.

use std::io::{self, IsTerminal as _, Read};

use cofferdam_config::text;
use cofferdam_vault::files::sole_value;
use cofferdam_vault::{ExposeSecret as _, Prompt as _, SecretString};
use zeroize::Zeroizing;

use crate::broker::FieldDefect;
use crate::cli::exit::CommandError;
use crate::cli::prompt::Terminal;

/// The maximum size of a value, in bytes. Twice the size that the largest backend is tested with (64 KiB).
const MAX_BYTES: usize = 128 * 1024;

/// Reads a value: from standard input if it is a pipe or a file, else from a prompt on the terminal.
///
/// A byte-order mark at the start and one line break at the end are removed, since editors and `echo` add them.
///
/// # Errors
///
/// Returns a usage error if the value is empty, too large, not UTF-8, or one that no service accepts.
pub(super) fn read_value(question: &str) -> Result<SecretString, CommandError> {
    if io::stdin().is_terminal() {
        let typed = Terminal.secret(question).map_err(|error| {
            CommandError::usage(
                text!("cannot read from the terminal: {error}"),
                "pass the value on standard input",
            )
        })?;
        return checked(typed);
    }
    read_from(io::stdin().lock())
}

fn read_from(reader: impl Read) -> Result<SecretString, CommandError> {
    // Allocated at full size: a buffer that grows leaves copies of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 2));
    reader.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| {
        CommandError::usage(
            text!("cannot read standard input: {error}"),
            "pass the value on standard input, for example from a pipe",
        )
    })?;
    if bytes.len() > MAX_BYTES {
        return Err(CommandError::usage(
            text!("standard input has more than {MAX_BYTES} bytes"),
            "pass one value only",
        ));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        CommandError::usage(
            "standard input is not UTF-8",
            "pass text; encode a binary value, for example as Base64",
        )
    })?;
    checked(sole_value(text).into())
}

fn checked(value: SecretString) -> Result<SecretString, CommandError> {
    if value.expose_secret().is_empty() {
        return Err(CommandError::usage("the value is empty", "pass it on standard input, or type it"));
    }
    match FieldDefect::find(value.expose_secret()) {
        Some(defect) => {
            Err(CommandError::usage(text!("the value {defect}"), "pass the value only; nothing was stored"))
        }
        None => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<String> {
        read_from(bytes).ok().map(|value| value.expose_secret().to_owned())
    }

    #[test]
    fn what_editors_add_is_removed() {
        assert_eq!(read(b"abc\n").as_deref(), Some("abc"));
        assert_eq!(read(b"abc\r\n").as_deref(), Some("abc"));
        assert_eq!(read(b"abc").as_deref(), Some("abc"));
        assert_eq!(read(b"-----BEGIN\nx\n\n").as_deref(), Some("-----BEGIN\nx\n"));
        assert_eq!(read(b"a b\n").as_deref(), Some("a b"));
        assert_eq!(read(b"\xef\xbb\xbfabc\r\n").as_deref(), Some("abc"));
    }

    #[test]
    fn what_no_service_accepts_is_rejected_without_being_shown() {
        for bad in ["canary\n\n", " canary", "canary \n", "can\nary", "canary\0", "\u{feff}\u{feff}canary"] {
            let Err(CommandError::Message { message, .. }) = read_from(bad.as_bytes()) else {
                panic!("{bad:?} was accepted")
            };
            assert!(message.contains("no service accepts") && !message.contains("canary"), "{message}");
        }
    }

    #[test]
    fn an_empty_binary_or_oversized_value_is_rejected() {
        assert_eq!(read(b""), None);
        assert_eq!(read(b"\n"), None);
        assert_eq!(read(b"\xff"), None);
        assert_eq!(read(&vec![b'a'; MAX_BYTES + 1]), None);
        assert!(read(&vec![b'a'; MAX_BYTES]).is_some());
    }
}
