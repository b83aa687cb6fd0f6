//! Who else can read or change the files, whom the document is encrypted for, and what it does not encrypt.

use std::collections::BTreeSet;

use cofferdam_config::{Diagnostic, Diagnostics, Text, quote, text};
use cofferdam_vault::process::{find_program, program_permissions, search_path_permissions};
use cofferdam_vault::{Protection, SecretPath, file_permissions};

use crate::file;
use crate::plain::plain_fields;
use crate::settings::Settings;

/// The length of an age recipient: `age1`, 52 characters of the key and 6 of a checksum.
const RECIPIENT_LENGTH: usize = 62;

/// Everything that an operator should know of the files. Opens nothing with a key. Blocks.
pub(crate) fn diagnose(settings: &Settings, needs: &[SecretPath]) -> Diagnostics {
    let mut found = Diagnostics::new();
    if let Some(key) = &settings.age_key_file {
        found.extend(file_permissions(key, "the age key file", Protection::Secrecy));
    }
    found.extend(file_permissions(&settings.file, "the document", Protection::Integrity));
    // If it cannot be read, the probe reports it.
    if let Ok((encrypted, _)) = file::read(&settings.file) {
        let text = String::from_utf8_lossy(&encrypted);
        let recipients = age_recipients(&text);
        if !recipients.is_empty() {
            // Public keys, of the alphabet of Bech32.
            let recipients = Text::join(recipients.into_iter().map(Text::unchecked), ", ");
            found.info("", text!("{} is encrypted for: {recipients}", quote::path(&settings.file)));
        }
        for at in needs {
            let plain = plain_fields(&text, settings.format, at);
            if !plain.is_empty() {
                let plain = Text::join(plain.iter().map(|name| quote::name(name)), ", ");
                found.push(Diagnostic::error(
                    at.as_str(),
                    text!("in plain text in {}: {}", quote::path(&settings.file), plain),
                    "change the value, and the rules or the name that exclude it from encryption: `sops edit`",
                ));
            }
        }
    }
    let environment = settings.environment();
    let names = environment.variables().map(|(name, _)| quote::variable(name));
    found.info("", text!("`sops` is given these variables: {}", Text::join(names, ", ")));
    match find_program(&settings.program, &settings.folder, &environment) {
        Ok(program) => found.extend(program_permissions(&program)),
        Err(error) => found.error("", text!("{error}"), "install sops, or set `program`"),
    }
    found.extend(search_path_permissions(&environment));
    found
}

/// The age recipients in the metadata of a document, whatever its format.
fn age_recipients(document: &str) -> BTreeSet<&str> {
    let words = document.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| word.len() == RECIPIENT_LENGTH && word.starts_with("age1")).collect()
}
