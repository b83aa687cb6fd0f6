//! What a file of the vault is for.

use std::fmt;

use crate::limits::{KEYS_MAX_BYTES, VAULT_MAX_BYTES};

/// The role of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Vault,
    Identity,
    Passphrase,
    Recipients,
}

impl Role {
    /// Maximum size of the file.
    pub(crate) fn max_bytes(self) -> usize {
        match self {
            Self::Vault => VAULT_MAX_BYTES,
            Self::Identity | Self::Passphrase | Self::Recipients => KEYS_MAX_BYTES,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vault => "vault file",
            Self::Identity => "identity file",
            Self::Passphrase => "passphrase file",
            Self::Recipients => "recipients file",
        })
    }
}
