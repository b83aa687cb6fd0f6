//! What can go wrong in a vault, and what follows from it.
//!
//! The verdicts (does it count for the breaker, is it retried, may a stale secret be served instead) are defined here
//! once, so that no layer of a compartment decides for itself.

use std::fmt;
use std::time::Duration;

use cofferdam_config::Shown;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The secret does not exist, or it lacks a requested field.
    NotFound,
    /// The vault accepts our login and does not allow this operation.
    Denied,
    /// What the vault stores or returns cannot be parsed.
    Malformed,
    /// Our login was rejected or has expired.
    Unauthenticated,
    /// The vault cannot be reached, is sealed, or reports that it is unavailable.
    Unavailable,
    /// The vault did not respond in time.
    Timeout,
    /// The vault asks for fewer requests.
    Throttled,
    /// Our own settings do not fit their environment: a key file is missing, a passphrase is wrong.
    Misconfigured,
    /// A write expected another version than the current one.
    Conflict,
    /// The store is read-only.
    ReadOnly,
    /// The store does not support this operation.
    Unsupported,
}

impl ErrorKind {
    /// The kind in snake case, as in logs and in `--json` output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Denied => "denied",
            Self::Malformed => "malformed",
            Self::Unauthenticated => "unauthenticated",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Throttled => "throttled",
            Self::Misconfigured => "misconfigured",
            Self::Conflict => "conflict",
            Self::ReadOnly => "read_only",
            Self::Unsupported => "unsupported",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an error affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// This secret only; the vault is healthy.
    Secret,
    /// The whole vault.
    Vault,
}

/// Whether a failed attempt is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Not at all: the same call would fail the same way.
    Never,
    /// Once: the backend has dropped its login, and the next attempt logs in again.
    Once,
    /// After a jittered pause.
    Backoff,
    /// After the pause that the vault asked for, or a jittered pause if it named none.
    After(Option<Duration>),
}

/// An error of a vault: its kind, its scope, and a message for an operator that never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct VaultError {
    kind: ErrorKind,
    scope: Scope,
    retry_after: Option<Duration>,
    message: String,
}

// The operator's message quotes no secret.
impl Shown for VaultError {}

impl VaultError {
    /// An error of this secret.
    ///
    /// `message` says what failed, why, and what to do next. It never holds a secret.
    pub fn secret(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, scope: Scope::Secret, retry_after: None, message: message.into() }
    }

    /// An error of the whole vault. `message` as in [`VaultError::secret`].
    pub fn vault(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, scope: Scope::Vault, retry_after: None, message: message.into() }
    }

    /// The same error with the pause that the vault asked for.
    #[must_use]
    pub fn with_retry_after(mut self, pause: Option<Duration>) -> Self {
        self.retry_after = pause;
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What it affects.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The pause that the vault asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The operator's message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the breaker counts this failure: the vault as a whole failed, and is not merely busy.
    pub fn counts_for_breaker(&self) -> bool {
        self.scope == Scope::Vault && self.kind != ErrorKind::Throttled
    }

    /// Whether another attempt may succeed.
    pub fn retry(&self) -> Retry {
        match (self.scope, self.kind) {
            (Scope::Vault, ErrorKind::Unavailable | ErrorKind::Timeout) => Retry::Backoff,
            (Scope::Vault, ErrorKind::Unauthenticated) => Retry::Once,
            (Scope::Vault, ErrorKind::Throttled) => Retry::After(self.retry_after),
            _ => Retry::Never,
        }
    }

    /// Whether a stale secret may be served in place of this error: only if the vault failed, and not the secret.
    pub fn allows_stale(&self) -> bool {
        self.scope == Scope::Vault
    }

    /// Whether the cached secret must be evicted: the vault has reported that it is gone or no longer allowed.
    pub fn evicts(&self) -> bool {
        self.scope == Scope::Secret && matches!(self.kind, ErrorKind::NotFound | ErrorKind::Denied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdicts_are_those_of_the_table() {
        use ErrorKind as K;
        let pause = Some(Duration::from_secs(9));
        // (error, counts for the breaker, retried, stale served, evicts)
        for (error, counts, retry, stale, evicts) in [
            (VaultError::secret(K::NotFound, ""), false, Retry::Never, false, true),
            (VaultError::secret(K::Denied, ""), false, Retry::Never, false, true),
            (VaultError::secret(K::Malformed, ""), false, Retry::Never, false, false),
            (VaultError::vault(K::Malformed, ""), true, Retry::Never, true, false),
            (VaultError::vault(K::Unauthenticated, ""), true, Retry::Once, true, false),
            (VaultError::vault(K::Unavailable, ""), true, Retry::Backoff, true, false),
            (VaultError::vault(K::Timeout, ""), true, Retry::Backoff, true, false),
            (VaultError::vault(K::Throttled, ""), false, Retry::After(None), true, false),
            (
                VaultError::vault(K::Throttled, "").with_retry_after(pause),
                false,
                Retry::After(pause),
                true,
                false,
            ),
            (VaultError::vault(K::Misconfigured, ""), true, Retry::Never, true, false),
            (VaultError::secret(K::Conflict, ""), false, Retry::Never, false, false),
            (VaultError::secret(K::ReadOnly, ""), false, Retry::Never, false, false),
            (VaultError::secret(K::Unsupported, ""), false, Retry::Never, false, false),
        ] {
            assert_eq!(error.counts_for_breaker(), counts, "{error:?}");
            assert_eq!(error.retry(), retry, "{error:?}");
            assert_eq!(error.allows_stale(), stale, "{error:?}");
            assert_eq!(error.evicts(), evicts, "{error:?}");
        }
    }
}
