//! Reads `recipients_file`: the public keys that a vault file is encrypted for, one per line.

use std::path::Path;

use age::Recipient;
use cofferdam_vault::{ErrorKind, VaultError};

use crate::file;
use crate::role::Role;

/// A public key of any type.
pub(crate) type AnyRecipient = Box<dyn Recipient + Send + Sync>;

/// Reads the recipients file: `age1…`, `ssh-ed25519 …` and `ssh-rsa …` lines, blank lines, and comments after `#`.
pub(crate) fn read(path: &Path) -> Result<Vec<AnyRecipient>, VaultError> {
    let bytes = file::read_required(Role::Recipients, path, None)?.into_bytes();
    let misconfigured = |why: String| {
        VaultError::vault(ErrorKind::Misconfigured, format!("the recipients file {} {why}", path.display()))
    };
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Err(misconfigured("is not UTF-8; write one public key per line".to_owned()));
    };
    let mut recipients = Vec::new();
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The line is not printed: it may be a private key in the wrong file.
        recipients.push(parse(line).ok_or_else(|| {
            misconfigured(format!(
                "has no valid public key on line {}; write `age1…`, `ssh-ed25519 …` or `ssh-rsa …` of 2048 bits or more",
                index + 1
            ))
        })?);
    }
    if recipients.is_empty() {
        return Err(misconfigured("contains no key; add at least the identity's public key".to_owned()));
    }
    Ok(recipients)
}

fn parse(line: &str) -> Option<AnyRecipient> {
    if let Ok(key) = line.parse::<age::x25519::Recipient>() {
        return Some(Box::new(key));
    }
    line.parse::<age::ssh::Recipient>().ok().map(|key| Box::new(key) as AnyRecipient)
}
