//! Diagnoses who else can read or change the files of this vault.

use cofferdam_config::{Diagnostic, Diagnostics};
use cofferdam_vault::{Protection, file_permissions};

use crate::role::Role;
use crate::settings::{KeySource, Settings};

/// Diagnoses the permissions of the files that `settings` name. Blocks.
pub(crate) fn diagnose(settings: &Settings) -> Diagnostics {
    let keys = settings.keys.file().map(|(role, path)| match role {
        Role::Passphrase => (path, "the passphrase file", Protection::Secrecy),
        _ => (path, "the identity file", Protection::Secrecy),
    });
    let recipients =
        settings.recipients_file.as_deref().map(|path| (path, "the recipients file", Protection::Integrity));
    // Other users may read ciphertext. A user who can write it can replace credentials, or restore old ones.
    let files = [Some((settings.file.as_path(), "the vault file", Protection::Integrity)), keys, recipients];
    let mut found: Diagnostics = files
        .into_iter()
        .flatten()
        .filter_map(|(path, what, protection)| file_permissions(path, what, protection))
        .collect();
    if let KeySource::Prompt = settings.keys {
        found.push(Diagnostic::warning(
            "",
            "`serve` cannot open this vault, because it never asks for a passphrase",
            "set `identity_file` or `passphrase_file` for a server",
        ));
    }
    found
}
