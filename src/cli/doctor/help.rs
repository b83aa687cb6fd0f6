//! What an operator can do about an error of a vault.

use cofferdam_config::{Text, text};
use cofferdam_vault::{ErrorKind, SecretPath, Vault};

/// Returns the next step after an error of `kind`, which concerns `path` if the error was about one secret.
pub(super) fn for_error(kind: ErrorKind, vault: &dyn Vault, path: Option<&SecretPath>) -> Text {
    // What a vault calls itself and its secrets consists of settings, which were checked when they were read.
    let location = Text::unchecked(&vault.info().location);
    match kind {
        ErrorKind::Unauthenticated => {
            "renew the login that the profile configures for this vault, and check its role".into()
        }
        ErrorKind::Denied => match path.and_then(|path| vault.resource(path)).map(Text::unchecked) {
            Some(resource) => text!("allow the login of this vault to read {resource} in {location}"),
            None => text!("allow the login of this vault to read its secrets in {location}"),
        },
        ErrorKind::Misconfigured => {
            "correct the settings of the vault in the profile, or create what they refer to".into()
        }
        ErrorKind::Malformed => "check what is stored there, and write it again".into(),
        ErrorKind::Throttled => "wait, and run the command again".into(),
        _ => text!("check that {location} is available, and that this machine can reach it"),
    }
}
