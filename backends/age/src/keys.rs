//! The keys that open a vault file: identities or a passphrase.

use std::io::BufReader;
use std::path::Path;

use age::Identity;
use cofferdam_vault::files::{sole_value, without_byte_order_mark};
use cofferdam_vault::{ErrorKind, ExposeSecret, Prompt, SecretString, VaultError};

use crate::error::{Cause, vault_error};
use crate::recipients::AnyRecipient;
use crate::role::Role;

/// How a post-quantum identity of `age-keygen -pq` begins. The crate `age` cannot decrypt with it.
const POST_QUANTUM: &str = "AGE-SECRET-KEY-PQ-1";

/// The keys that open the vault file.
pub(crate) enum Keys {
    /// Private keys.
    Identities {
        identities: Vec<Box<dyn Identity + Send + Sync>>,
        /// Their public keys.
        own: Vec<AnyRecipient>,
        /// The first line of the file that is not a known identity, if its public key may be one that a vault file has beside
        /// the others.
        unknown_line: Option<usize>,
    },
    Passphrase(SecretString),
}

impl Keys {
    /// Parses the content of a key file.
    pub(crate) fn parse(
        role: Role,
        path: &Path,
        bytes: &[u8],
        prompt: Option<&dyn Prompt>,
    ) -> Result<Self, VaultError> {
        let Ok(text) = std::str::from_utf8(bytes).map(without_byte_order_mark) else {
            return Err(unusable(role, path, "is not UTF-8; check that it is the right file"));
        };
        match role {
            Role::Passphrase => parse_passphrase(path, text),
            _ if text.trim_start().starts_with("-----BEGIN AGE ENCRYPTED")
                || text.starts_with("age-encryption.org/") =>
            {
                Err(unusable(
                    role,
                    path,
                    "is encrypted itself; decrypt it with `age -d`, or encrypt the vault file with a passphrase instead",
                ))
            }
            _ if text.trim_start().starts_with("-----BEGIN") => parse_ssh(path, text.trim_start(), prompt),
            _ => parse_identities(path, text),
        }
    }

    /// Prompts for the passphrase of the vault file at `path`. Prompts twice if the file is `new`, because nothing verifies
    /// the passphrase.
    pub(crate) fn prompt(path: &Path, prompt: Option<&dyn Prompt>, new: bool) -> Result<Self, VaultError> {
        let passphrase = ask(prompt, path, &format!("Passphrase of {}: ", path.display()))?;
        if new {
            let repeated = ask(prompt, path, &format!("{} is new; repeat the passphrase: ", path.display()))?;
            if repeated.expose_secret() != passphrase.expose_secret() {
                return Err(misconfigured(format!(
                    "{} was not written: the two passphrases differ; try again",
                    path.display()
                )));
            }
        }
        Ok(Self::Passphrase(passphrase))
    }
}

fn ask(prompt: Option<&dyn Prompt>, path: &Path, question: &str) -> Result<SecretString, VaultError> {
    let Some(prompt) = prompt else {
        return Err(misconfigured(format!(
            "{} needs a passphrase, and `serve` never asks for one; set `passphrase_file` or `identity_file`",
            path.display()
        )));
    };
    let passphrase = prompt.secret(question).map_err(|error| {
        misconfigured(format!(
            "the prompt for the passphrase of {} failed: {error}; try again",
            path.display()
        ))
    })?;
    if passphrase.expose_secret().is_empty() {
        return Err(misconfigured(format!(
            "the passphrase of {} must not be empty; try again",
            path.display()
        )));
    }
    Ok(passphrase)
}

/// Parses a passphrase file. The line break that editors add at its end is not part of the passphrase.
fn parse_passphrase(path: &Path, text: &str) -> Result<Keys, VaultError> {
    let passphrase = sole_value(text);
    if passphrase.is_empty() {
        return Err(unusable(Role::Passphrase, path, "is empty; write the passphrase into it"));
    }
    if passphrase.contains(['\n', '\r']) {
        return Err(unusable(Role::Passphrase, path, "has several lines; write one line"));
    }
    Ok(Keys::Passphrase(SecretString::from(passphrase)))
}

/// Parses an identity file as `age-keygen` writes it, with any number of identities.
///
/// A line that is not a known identity leaves the others usable.
fn parse_identities(path: &Path, text: &str) -> Result<Keys, VaultError> {
    let (mut identities, mut own) =
        (Vec::<Box<dyn Identity + Send + Sync>>::new(), Vec::<AnyRecipient>::new());
    let (mut unknown_line, mut post_quantum_line) = (None, None);
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.parse::<age::x25519::Identity>() {
            Ok(identity) => {
                own.push(Box::new(identity.to_public()));
                identities.push(Box::new(identity));
            }
            // No file is encrypted for a post-quantum key and for another one: `age` refuses that.
            Err(_) if line.starts_with(POST_QUANTUM) => drop(post_quantum_line.get_or_insert(index + 1)),
            Err(_) => drop(unknown_line.get_or_insert(index + 1)),
        }
    }
    if !identities.is_empty() {
        if let Some(line) = unknown_line.or(post_quantum_line) {
            tracing::warn!(
                path = %path.display(),
                line,
                "an identity of the identity file is not supported and is not used"
            );
        }
        return Ok(Keys::Identities { identities, own, unknown_line });
    }
    Err(unusable(
        Role::Identity,
        path,
        &match (unknown_line, post_quantum_line) {
            (None, None) => "contains no identity; create one with `age-keygen`".to_owned(),
            (None, Some(line)) => format!(
                "has only post-quantum identities, the first on line {line}, which are not supported; add one of \
                 `age-keygen` without `-pq`, and encrypt the vault file for it"
            ),
            (Some(line), _) => format!(
                "has no valid identity on line {line}; write `AGE-SECRET-KEY-1…` lines or one ssh private key"
            ),
        },
    ))
}

/// Parses an ssh private key, encrypted with a passphrase or not.
fn parse_ssh(path: &Path, text: &str, prompt: Option<&dyn Prompt>) -> Result<Keys, VaultError> {
    let why = "is not a supported ssh key; use an ed25519 or rsa key in OpenSSH's format";
    let unsupported = || unusable(Role::Identity, path, why);
    let identity =
        age::ssh::Identity::from_buffer(BufReader::new(text.as_bytes()), None).map_err(|_| unsupported())?;
    let own = age::ssh::Recipient::try_from(identity.clone()).map_err(|_| unsupported())?;
    let identity = match identity {
        age::ssh::Identity::Unencrypted(_) => identity,
        age::ssh::Identity::Encrypted(_) if prompt.is_none() => {
            return Err(unusable(
                Role::Identity,
                path,
                "is encrypted with a passphrase, and `serve` never asks for one; use a separate key without one \
                 (`age-keygen`), or decrypt a copy with `ssh-keygen -p`",
            ));
        }
        age::ssh::Identity::Encrypted(encrypted) => {
            let passphrase = ask(prompt, path, &format!("Passphrase of the ssh key {}: ", path.display()))?;
            encrypted.decrypt(passphrase).map_err(|_| vault_error(path, Cause::UnlockingKey))?.into()
        }
        age::ssh::Identity::Unsupported(_) => return Err(unsupported()),
    };
    Ok(Keys::Identities {
        identities: vec![Box::new(identity)],
        own: vec![Box::new(own)],
        unknown_line: None,
    })
}

fn unusable(role: Role, path: &Path, why: &str) -> VaultError {
    misconfigured(format!("the {role} {} {why}", path.display()))
}

fn misconfigured(message: String) -> VaultError {
    VaultError::vault(ErrorKind::Misconfigured, message)
}
