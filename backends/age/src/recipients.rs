//! Reads `recipients_file`: the public keys that a vault file is encrypted for, one per line.

use std::path::Path;

use age::Recipient;
use cofferdam_vault::files::without_byte_order_mark;
use cofferdam_vault::{ErrorKind, VaultError};

use crate::file;
use crate::role::Role;

/// How a post-quantum public key of `age-keygen -pq` begins. The crate `age` cannot encrypt for it.
const POST_QUANTUM: &str = "age1pq1";

/// A public key of any type.
pub(crate) type AnyRecipient = Box<dyn Recipient + Send + Sync>;

/// Reads the recipients file: `age1…`, `ssh-ed25519 …` and `ssh-rsa …` lines, blank lines, and comments after `#`.
///
/// # Errors
///
/// `Misconfigured`, also for a single line that is not a key: without it somebody would be locked out of the vault file.
pub(crate) fn read(path: &Path) -> Result<Vec<AnyRecipient>, VaultError> {
    let bytes = file::read_required(Role::Recipients, path, None)?.into_bytes();
    let misconfigured = |why: String| {
        VaultError::vault(ErrorKind::Misconfigured, format!("the recipients file {} {why}", path.display()))
    };
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Err(misconfigured("is not UTF-8; write one public key per line".to_owned()));
    };
    let mut recipients = Vec::new();
    for (index, line) in without_byte_order_mark(text).lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The line is not printed: it may be a private key in the wrong file.
        recipients.push(parse(line).ok_or_else(|| {
            let why = if line.starts_with(POST_QUANTUM) {
                "has a post-quantum key, which is not supported, on"
            } else {
                "has no valid public key on"
            };
            misconfigured(format!(
                "{why} line {}; write `age1…`, `ssh-ed25519 …` or `ssh-rsa …` of 2048 bits or more",
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
    fn boxed<R: Recipient + Send + Sync + 'static>(key: R) -> AnyRecipient {
        Box::new(key)
    }
    let native = line.parse::<age::x25519::Recipient>().map(boxed).ok();
    native
        .or_else(|| line.parse::<age::tag::Recipient>().map(boxed).ok())
        .or_else(|| line.parse::<age::tagpq::Recipient>().map(boxed).ok())
        .or_else(|| line.parse::<age::ssh::Recipient>().map(boxed).ok())
}
