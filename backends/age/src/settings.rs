//! The settings that a vault works with, with resolved paths.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::role::Role;

/// The resolved settings.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) file: PathBuf,
    pub(crate) keys: KeySource,
    pub(crate) recipients_file: Option<PathBuf>,
    pub(crate) armor: Option<bool>,
}

/// Where the keys come from.
#[derive(Debug, Clone)]
pub(crate) enum KeySource {
    IdentityFile(PathBuf),
    PassphraseFile(PathBuf),
    /// A prompt on the terminal, once per process.
    Prompt,
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file() {
            Some((role, path)) => write!(f, "the {role} {}", path.display()),
            None => f.write_str("a passphrase from the terminal"),
        }
    }
}

impl KeySource {
    /// The file that contains the keys, if there is one, and its role.
    pub(crate) fn file(&self) -> Option<(Role, &Path)> {
        match self {
            Self::IdentityFile(path) => Some((Role::Identity, path)),
            Self::PassphraseFile(path) => Some((Role::Passphrase, path)),
            Self::Prompt => None,
        }
    }
}
