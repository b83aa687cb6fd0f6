//! A closer look: who else can reach the files of this vault.

use cofferdam_config::Diagnostic;
use cofferdam_vault::{Protection, file_permissions};

use crate::config::Settings;
use crate::file::Role;
use crate::keys::KeySource;

/// Who else can read what opens the vault, or change the vault file or whom it is written for. Blocks.
pub(crate) fn exposed(settings: &Settings) -> Vec<Diagnostic> {
    let keys = settings.keys.file().map(|(role, path)| match role {
        Role::Passphrase => (path, "the passphrase file", Protection::Secrecy),
        _ => (path, "the identity file", Protection::Secrecy),
    });
    let recipients =
        settings.recipients_file.as_deref().map(|path| (path, "the recipients file", Protection::Integrity));
    // What is encrypted may be read; but who can write it can put other credentials, or older ones, in their place.
    let files = [Some((settings.file.as_path(), "the vault file", Protection::Integrity)), keys, recipients];
    let mut found: Vec<Diagnostic> = files
        .into_iter()
        .flatten()
        .filter_map(|(path, what, kept)| file_permissions(path, what, kept))
        .collect();
    if let KeySource::Ask = settings.keys {
        found.push(Diagnostic::warning(
            "",
            "the passphrase is asked for on the terminal, so `serve` cannot open this vault",
            "name an `identity_file` or a `passphrase_file` for a server",
        ));
    }
    found
}
