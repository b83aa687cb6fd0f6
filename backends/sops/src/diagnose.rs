//! Who else can read or change the files, whom the document is encrypted for, and what it does not encrypt.

use std::collections::BTreeSet;

use cofferdam_config::{Diagnostic, Diagnostics};
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
            let recipients: Vec<_> = recipients.into_iter().collect();
            found
                .info("", format!("{} is encrypted for: {}", settings.file.display(), recipients.join(", ")));
        }
        for at in needs {
            let plain = plain_fields(&text, settings.format, at);
            if !plain.is_empty() {
                found.push(Diagnostic::error(
                    at.as_str(),
                    format!("in plain text in {}: {}", settings.file.display(), plain.join(", ")),
                    "change the value, and the rules or the name that exclude it from encryption: `sops edit`",
                ));
            }
        }
    }
    let environment = settings.environment();
    let names: Vec<&str> = environment.variables().map(|(name, _)| name).collect();
    found.info("", format!("`sops` is given these variables: {}", names.join(", ")));
    match find_program(&settings.program, &settings.folder, &environment) {
        Ok(program) => found.extend(program_permissions(&program)),
        Err(error) => found.error("", error.message(), "install sops, or set `program`"),
    }
    found.extend(search_path_permissions(&environment));
    found
}

/// The age recipients in the metadata of a document, whatever its format.
fn age_recipients(document: &str) -> BTreeSet<&str> {
    let words = document.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| word.len() == RECIPIENT_LENGTH && word.starts_with("age1")).collect()
}
