//! The innermost wall: one attempt at the vault, with a clock of its own.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::{ErrorKind, Secret, Stage, Vault, VaultError, hold};
use futures_util::FutureExt;
use tokio::time::{Instant, timeout};

use super::refusal;
use super::retry::Failure;
use super::wanted::Wanted;

/// Makes attempts.
#[derive(Debug)]
pub(super) struct Attempt {
    timeout: Duration,
}

impl Attempt {
    /// Each attempt may take `timeout`.
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout }
    }

    /// Reads `wanted` once. The clock starts now: whoever calls has the permit already. `permit` comes back when the
    /// attempt is over and the vault's thread has returned.
    ///
    /// # Errors
    ///
    /// The inner one is the vault's. The outer one, `Refused`, is not: the fill's `deadline` cut the attempt short when
    /// it had had less than half of its time, because our own queue took the rest. With half or more, silence is
    /// the vault's; were it not, a vault that hangs would go unblamed whenever the deadline falls into an attempt.
    pub(super) async fn run(
        &self,
        vault: &dyn Vault,
        wanted: &Wanted,
        stage: Stage,
        permit: impl Any + Send + Sync,
        deadline: Instant,
    ) -> Result<Result<Secret, VaultError>, Failure> {
        let allowed = self.timeout.min(deadline.saturating_duration_since(Instant::now()));
        let read = hold(Arc::new(permit), guarded(vault.read(&wanted.path, &wanted.fields, stage)));
        match timeout(allowed, read).await {
            Ok(answer) => Ok(answer.and_then(|answer| answer).and_then(|secret| complete(secret, wanted))),
            Err(_) if allowed < self.timeout / 2 => Err(Failure::Refused(refusal(
                "the deadline passed while the read waited for its turn; try again, or raise `max_in_flight`",
            ))),
            Err(_) => Ok(Err(VaultError::vault(
                ErrorKind::Timeout,
                format!("no answer from {} within {allowed:?}", vault.info().location),
            ))),
        }
    }
}

/// Runs a vault's own code, where a panic is an error like another.
pub(super) async fn guarded<T>(work: impl Future<Output = T>) -> Result<T, VaultError> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| {
        VaultError::vault(ErrorKind::Malformed, "the vault's backend failed unexpectedly; see the log")
    })
}

/// A backend answers every field that was asked for; one that does not would send a credential with a hole in it.
fn complete(secret: Secret, wanted: &Wanted) -> Result<Secret, VaultError> {
    match wanted.fields.iter().find(|field| !secret.fields.contains_key(field)) {
        None => Ok(secret),
        Some(field) => Err(VaultError::secret(
            ErrorKind::Malformed,
            format!("the vault answered {} without its field `{field}`; write the secret anew", wanted.path),
        )),
    }
}
