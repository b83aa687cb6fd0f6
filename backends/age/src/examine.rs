//! A closer look: who else can reach the files of this vault.

use cofferdam_vault::{Finding, Kept, exposure};

use crate::config::Settings;
use crate::file::Role;
use crate::keys::KeySource;

/// Who else can read what opens the vault, or change the vault file or whom it is written for. Blocks.
pub(crate) fn exposed(settings: &Settings) -> Vec<Finding> {
    let keys = settings.keys.file().map(|(role, path)| match role {
        Role::Passphrase => (path, "the passphrase file", Kept::Secret),
        _ => (path, "the identity file", Kept::Secret),
    });
    let recipients =
        settings.recipients_file.as_deref().map(|path| (path, "the recipients file", Kept::Intact));
    // What is encrypted may be read; but who can write it can put other credentials, or older ones, in their place.
    let files = [Some((settings.file.as_path(), "the vault file", Kept::Intact)), keys, recipients];
    let mut found: Vec<Finding> =
        files.into_iter().flatten().filter_map(|(path, what, kept)| exposure(path, what, kept)).collect();
    if let KeySource::Ask = settings.keys {
        found.push(Finding::notice(
            "the passphrase is asked for on the terminal, so `serve` cannot open this vault",
            "name an `identity_file` or a `passphrase_file` for a server",
        ));
    }
    found
}
