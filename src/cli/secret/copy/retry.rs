//! The timeout and the retry policy of the requests of a copy.

use std::time::Duration;

use cofferdam_vault::{ErrorKind, Retry, VaultError};
use tokio::time::{sleep, timeout};

/// The timeout of one request. Generous, since a person may have to type a passphrase.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// The maximum number of attempts of one request.
const MAX_ATTEMPTS: u32 = 5;

/// The first backoff if the vault names none. Each next one is twice as long.
const INITIAL_BACKOFF: Duration = Duration::from_millis(100);

/// Runs `request` with the timeout of a request.
///
/// # Errors
///
/// Returns the error of the request, or [`ErrorKind::Timeout`].
pub(super) async fn with_timeout<T>(
    request: impl Future<Output = Result<T, VaultError>>,
) -> Result<T, VaultError> {
    timeout(REQUEST_TIMEOUT, request).await.unwrap_or_else(|_| {
        Err(VaultError::vault(ErrorKind::Timeout, format!("no response within {REQUEST_TIMEOUT:?}")))
    })
}

/// Counts the failed attempts of one request.
#[derive(Debug, Default)]
pub(super) struct Attempts(u32);

impl Attempts {
    /// Records a failed attempt. Returns whether to try again, after the backoff that the error asks for.
    pub(super) async fn retry_after(&mut self, error: &VaultError) -> bool {
        let backoff = INITIAL_BACKOFF * 2_u32.pow(self.0);
        self.0 += 1;
        let backoff = match error.retry() {
            _ if self.0 >= MAX_ATTEMPTS => return false,
            Retry::Never => return false,
            Retry::Once if self.0 > 1 => return false,
            Retry::Once => Duration::ZERO,
            Retry::Backoff => backoff,
            Retry::After(requested) => requested.unwrap_or(backoff).min(REQUEST_TIMEOUT),
        };
        // Jitter between 50 % and 100 %.
        sleep(backoff.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        true
    }
}
