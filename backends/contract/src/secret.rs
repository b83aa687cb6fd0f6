//! A secret as a vault returns it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

use crate::hex::hex;
use crate::{FieldName, SecretPath};

/// The fields of a secret by name. Values print as `[REDACTED]`.
pub type SecretFields = BTreeMap<FieldName, SecretString>;

/// Identifies the state of a secret that was read: an opaque string that the backend makes, compared only for equality.
///
/// A version must never be a digest of the secret alone, because anyone who sees it could then test guesses.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Version(String);

impl Version {
    /// The version that the backend names `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The version with this SHA-256, of which it has the first 128 bits.
    pub(crate) fn from_digest(digest: [u8; 32]) -> Self {
        Self(hex(&digest[..16]))
    }

    /// The version of the secret at `path` in the encrypted file with the SHA-256 `file`, for a secret without a
    /// [salt](crate::Salt). Encryption is random, so the digest is new each time the file is written, and reveals nothing.
    pub fn of_encrypted(file: &[u8; 32], path: &SecretPath) -> Self {
        Self::from_digest(Sha256::new().chain_update(file).chain_update(path.as_str()).finalize().into())
    }

    /// The version as a string; safe to print.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({})", self.0)
    }
}

/// A credential that the store revokes when its time is over, for example a database login made for one reader.
#[derive(Clone, PartialEq, Eq)]
pub struct Lease {
    /// The store's identifier of the lease. It allows renewing and revoking, so it is never printed.
    pub id: String,
    /// How long the lease lasts, counted from when it was returned.
    pub duration: Duration,
    /// Whether [`Vault::renew`](crate::Vault::renew) can extend it.
    pub renewable: bool,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("id", &"[REDACTED]")
            .field("duration", &self.duration)
            .field("renewable", &self.renewable)
            .finish()
    }
}

/// Named fields with their version and, if the store sets them, a time to live and a lease.
#[derive(Clone, Debug)]
pub struct Secret {
    /// The requested fields. A backend may leave out others, and never invents one.
    pub fields: SecretFields,
    /// Identifies this state of the secret.
    pub version: Version,
    /// How long the secret stays valid, counted from when it was returned; `None` if the store sets no end.
    pub valid_for: Option<Duration>,
    /// The lease that this read created, if the engine is dynamic.
    pub lease: Option<Lease>,
}

impl Secret {
    /// The value of `field`; `None` if the secret has no such field.
    pub fn expose(&self, field: &FieldName) -> Option<&str> {
        self.fields.get(field).map(|text| text.expose_secret())
    }
}
