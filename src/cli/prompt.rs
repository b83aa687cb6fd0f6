//! Asking a person on the terminal: always the terminal itself, never standard input, which belongs to data.

use std::io;

use cofferdam_vault::{Prompt, SecretString};

/// Asks on the process's terminal, without an echo.
#[derive(Debug)]
pub(crate) struct Terminal;

impl Prompt for Terminal {
    fn secret(&self, question: &str) -> io::Result<SecretString> {
        let typed = rpassword::prompt_password(format!("{question}: ")).map(SecretString::from);
        typed.map_err(|error| io::Error::new(error.kind(), format!("no terminal to ask on: {error}")))
    }
}
