//! Renewing a token, and when to do it.

use std::time::Duration;

use cofferdam_vault::{ErrorKind, VaultError};
use tokio::time::{Instant, timeout};

use crate::client::{Client, Namespace, TASK_TIMEOUT};
use crate::endpoint;
use crate::error;
use crate::response::Envelope;
use crate::session::{Session, Validity};
use crate::token::Ttl;

/// When a token is renewed, as a fraction of its TTL, and how much earlier jitter may move that. Fifty processes that
/// logged in together must not renew together.
const RENEW_AT: f64 = 2.0 / 3.0;
const JITTER: f64 = 0.1;

/// The shortest and the longest pause before a failed renewal is retried.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// Renews the token of `session` and returns its new validity.
///
/// The token counts as renewable while a renewal grants at least two thirds of `initial`, the duration that the login
/// granted. Close to the token's maximum TTL, Vault grants less and less.
///
/// # Errors
///
/// If the server does not respond within [`TASK_TIMEOUT`], or responds with an error about itself.
pub(crate) async fn renew(
    client: &Client,
    location: &str,
    session: &Session,
    initial: Duration,
) -> Result<Validity, VaultError> {
    let start = Instant::now();
    let request = endpoint::renew_token();
    let response = timeout(TASK_TIMEOUT, client.send(&request, Some(&session.token), Namespace::Configured));
    let response = response.await.unwrap_or_else(|_| {
        Err(VaultError::vault(ErrorKind::Timeout, format!("{location} did not respond")))
    })?;
    if let Some(error) = error::from_status(location, &response) {
        return Err(error);
    }
    let mut validity = Validity { renewable: false, ..session.validity() };
    if response.status.is_success() {
        let renewed = Envelope::parse(&response.body)
            .and_then(|body| body.auth())
            .map_err(|_| error::malformed(location, "the renewal of a token"))?;
        validity.ttl = Ttl::new(start, renewed.lease_duration);
        validity.renewable =
            renewed.renewable && validity.ttl.is_none_or(|ttl| ttl.duration >= initial.mul_f64(RENEW_AT));
    }
    session.set_validity(validity);
    Ok(validity)
}

/// When to renew a token with this `ttl`; `jitter` is from 0 to 1.
pub(crate) fn due(ttl: &Ttl, jitter: f64) -> Instant {
    ttl.start + ttl.duration.mul_f64(RENEW_AT - JITTER * jitter)
}

/// When to retry a failed renewal: several times before the session expires.
pub(crate) fn retry_at(session: &Session) -> Instant {
    let left = session.remaining().unwrap_or(RETRY_PAUSE.1);
    Instant::now() + left.mul_f64((1.0 + fastrand::f64()) / 8.0).clamp(RETRY_PAUSE.0, RETRY_PAUSE.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_at_two_thirds_of_its_ttl_or_a_little_before() {
        let ttl = Ttl::new(Instant::now(), 60).unwrap();
        let after = |jitter| due(&ttl, jitter).duration_since(ttl.start).as_secs_f64();
        assert!((after(0.0) - 40.0).abs() < 0.001);
        assert!((after(1.0) - 34.0).abs() < 0.001);
    }
}
