//! What opens a vault file: identities or a passphrase, and where they come from.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use age::Identity;
use cofferdam_vault::files::without_last_line_break;
use cofferdam_vault::{ErrorKind, ExposeSecret, Prompt, SecretString, VaultError};

use crate::error::{Cause, vault_error};
use crate::file::Role;
use crate::recipients::AnyRecipient;

/// Where the keys come from.
#[derive(Debug, Clone)]
pub(crate) enum KeySource {
    IdentityFile(PathBuf),
    PassphraseFile(PathBuf),
    /// The person at the terminal, once in the life of the process.
    Ask,
}

impl KeySource {
    /// The file that holds the keys, where one does, and what it is.
    pub(crate) fn file(&self) -> Option<(Role, &Path)> {
        match self {
            Self::IdentityFile(path) => Some((Role::Identity, path)),
            Self::PassphraseFile(path) => Some((Role::Passphrase, path)),
            Self::Ask => None,
        }
    }
}

/// What opens the vault file.
pub(crate) enum Keys {
    /// Private keys, and the public keys that belong to them.
    Identities {
        identities: Vec<Box<dyn Identity + Send + Sync>>,
        own: Vec<AnyRecipient>,
    },
    Passphrase(SecretString),
}

impl Keys {
    /// The keys in the content of a key file.
    pub(crate) fn parse(
        role: Role,
        path: &Path,
        bytes: &[u8],
        prompt: Option<&dyn Prompt>,
    ) -> Result<Self, VaultError> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(unusable(role, path, "is not text"));
        };
        match role {
            Role::Passphrase => parse_passphrase(path, text),
            _ if text.trim_start().starts_with("-----BEGIN AGE ENCRYPTED")
                || text.starts_with("age-encryption.org/") =>
            {
                Err(unusable(
                    role,
                    path,
                    "is encrypted itself; decrypt it once with `age -d`, or lock the vault file with a passphrase instead",
                ))
            }
            _ if text.trim_start().starts_with("-----BEGIN") => parse_ssh(path, text.trim_start(), prompt),
            _ => parse_identities(path, text),
        }
    }

    /// Asks for the passphrase of the vault file at `path`; `new` asks twice, for there is nothing to try it on.
    pub(crate) fn ask(path: &Path, prompt: Option<&dyn Prompt>, new: bool) -> Result<Self, VaultError> {
        let passphrase = ask(prompt, path, &format!("Passphrase of {}: ", path.display()))?;
        if new {
            let repeated = ask(prompt, path, &format!("{} is new; passphrase once more: ", path.display()))?;
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
            "the passphrase of {} can only be asked for on a terminal; set `passphrase_file` or `identity_file` \
             for a process without one",
            path.display()
        )));
    };
    let answer = prompt.secret(question).map_err(|error| {
        misconfigured(format!("the passphrase of {} could not be asked for: {error}", path.display()))
    })?;
    if answer.expose_secret().is_empty() {
        return Err(misconfigured(format!(
            "the passphrase of {} may not be empty; try again",
            path.display()
        )));
    }
    Ok(answer)
}

/// A passphrase file is one passphrase; the line break that editors put at its end is not part of it.
fn parse_passphrase(path: &Path, text: &str) -> Result<Keys, VaultError> {
    let passphrase = without_last_line_break(text);
    if passphrase.is_empty() {
        return Err(unusable(Role::Passphrase, path, "is empty; write the passphrase into it"));
    }
    if passphrase.contains(['\n', '\r']) {
        return Err(unusable(Role::Passphrase, path, "has several lines; a passphrase is one line"));
    }
    Ok(Keys::Passphrase(SecretString::from(passphrase)))
}

/// An identity file as `age-keygen` writes it, with any number of identities.
fn parse_identities(path: &Path, text: &str) -> Result<Keys, VaultError> {
    let (mut identities, mut own) =
        (Vec::<Box<dyn Identity + Send + Sync>>::new(), Vec::<AnyRecipient>::new());
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Ok(identity) = line.parse::<age::x25519::Identity>() else {
            return Err(unusable(
                Role::Identity,
                path,
                &format!(
                    "has no usable identity on line {}; it takes `AGE-SECRET-KEY-1…` lines or one ssh private key",
                    index + 1
                ),
            ));
        };
        own.push(Box::new(identity.to_public()));
        identities.push(Box::new(identity));
    }
    if identities.is_empty() {
        return Err(unusable(Role::Identity, path, "holds no identity; make one with `age-keygen`"));
    }
    Ok(Keys::Identities { identities, own })
}

/// An ssh private key, locked with a passphrase or not.
fn parse_ssh(path: &Path, text: &str, prompt: Option<&dyn Prompt>) -> Result<Keys, VaultError> {
    let takes = "is not an ssh key that can be used; it takes ed25519 and rsa keys in OpenSSH's format";
    let unsupported = || unusable(Role::Identity, path, takes);
    let identity =
        age::ssh::Identity::from_buffer(BufReader::new(text.as_bytes()), None).map_err(|_| unsupported())?;
    let own = age::ssh::Recipient::try_from(identity.clone()).map_err(|_| unsupported())?;
    let identity = match identity {
        age::ssh::Identity::Unencrypted(_) => identity,
        age::ssh::Identity::Encrypted(_) if prompt.is_none() => {
            return Err(unusable(
                Role::Identity,
                path,
                "is locked with a passphrase, and there is no terminal to ask for it; use a key of its own without one \
                 (`age-keygen`), or unlock a copy with `ssh-keygen -p`",
            ));
        }
        age::ssh::Identity::Encrypted(locked) => {
            let passphrase = ask(prompt, path, &format!("Passphrase of the ssh key {}: ", path.display()))?;
            locked.decrypt(passphrase).map_err(|_| vault_error(path, Cause::UnlockingKey))?.into()
        }
        age::ssh::Identity::Unsupported(_) => return Err(unsupported()),
    };
    Ok(Keys::Identities { identities: vec![Box::new(identity)], own: vec![Box::new(own)] })
}

fn unusable(role: Role, path: &Path, why: &str) -> VaultError {
    misconfigured(format!("the {role} {} {why}", path.display()))
}

fn misconfigured(message: String) -> VaultError {
    VaultError::vault(ErrorKind::Misconfigured, message)
}
