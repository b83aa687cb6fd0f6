//! What a vault answers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::FieldName;

/// The fields of a secret by name. Values print as `[REDACTED]`.
pub type SecretFields = BTreeMap<FieldName, SecretString>;

/// Which state of a secret was read: opaque text that the backend makes and only compares for equality.
///
/// A version must never be a digest of secret text alone, for then anyone who sees it could test guesses.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Version(String);

impl Version {
    /// A version as the backend names it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The version as text; safe to print.
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

/// A grant that the store takes back when its time is over, for example a database login made for one reader.
#[derive(Clone, PartialEq, Eq)]
pub struct Lease {
    /// The store's name of the lease. Whoever holds it may renew or revoke, so it is not printed.
    pub id: String,
    /// How long the lease lasts from the moment it was answered.
    pub duration: Duration,
    /// Whether [`Vault::renew`](crate::Vault::renew) can lengthen it.
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

/// Named fields with their version and, where the store gives them, a life span and a lease.
#[derive(Clone, Debug)]
pub struct Secret {
    /// The fields that were asked for; a backend may leave others out, and never invents one.
    pub fields: SecretFields,
    /// Which state of the secret this is.
    pub version: Version,
    /// How much longer the secret is valid, counted from the answer; absent where the store sets no end.
    pub valid_for: Option<Duration>,
    /// The lease that this read created, where the engine is dynamic.
    pub lease: Option<Lease>,
}

impl Secret {
    /// The text of a field, or `None` where the secret has no such field.
    pub fn expose(&self, field: &FieldName) -> Option<&str> {
        self.fields.get(field).map(|text| text.expose_secret())
    }
}
