//! What an operator can do about an error of a vault.

use cofferdam_vault::{ErrorKind, SecretPath, Vault};

/// Returns the next step after an error of `kind`, which concerns `path` if the error was about one secret.
pub(super) fn for_error(kind: ErrorKind, vault: &dyn Vault, path: Option<&SecretPath>) -> String {
    let location = &vault.info().location;
    match kind {
        ErrorKind::Unauthenticated => {
            "renew the login that the profile configures for this vault, and check its role".to_owned()
        }
        ErrorKind::Denied => match path.and_then(|path| vault.resource(path)) {
            Some(resource) => format!("allow the login of this vault to read {resource} in {location}"),
            None => format!("allow the login of this vault to read its secrets in {location}"),
        },
        ErrorKind::Misconfigured => {
            "correct the settings of the vault in the profile, or create what they refer to".to_owned()
        }
        ErrorKind::Malformed => "check what is stored there, and write it again".to_owned(),
        ErrorKind::Throttled => "wait, and run the command again".to_owned(),
        _ => format!("check that {location} is available, and that this machine can reach it"),
    }
}
