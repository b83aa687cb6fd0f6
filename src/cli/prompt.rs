//! Prompts on the terminal.

use std::io;

use cofferdam_vault::{Prompt, SecretString};

/// Prompts on the terminal of this process, without echo.
///
/// Opens the terminal itself and never reads standard input, which carries data.
#[derive(Debug)]
pub(crate) struct Terminal;

impl Prompt for Terminal {
    fn secret(&self, question: &str) -> io::Result<SecretString> {
        let typed = rpassword::prompt_password(format!("{question}: ")).map(SecretString::from);
        typed.map_err(|error| io::Error::new(error.kind(), format!("no terminal to prompt on: {error}")))
    }
}
