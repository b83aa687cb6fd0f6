//! Keeps a session alive: renews its token at two thirds of its life, and logs in anew when renewing ends.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::{ErrorKind, VaultError};
use tokio::time::{Instant, sleep_until, timeout};
use vaultrs::api::token::requests::RenewTokenSelfRequest;

use crate::answer::Envelope;
use crate::client::Namespace;
use crate::error;
use crate::login::Life;
use crate::session::{OWN_TIMEOUT, Session, Sessions, Term};

/// Where in a token's life it is renewed, and how much earlier chance may move that, so that fifty processes that
/// logged in together do not renew together.
const RENEW_AT: f64 = 2.0 / 3.0;
const JITTER: f64 = 0.1;

/// The shortest and the longest pause before something that failed is tried again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// Runs for as long as the session can be kept and somebody needs it; ends when the vault closes.
pub(crate) async fn keep(sessions: Arc<Sessions>, session: Arc<Session>) {
    let closing = sessions.closing.clone();
    tokio::select! {
        () = closing.cancelled() => {}
        () = renew_or_replace(&sessions, &session) => {}
    }
}

async fn renew_or_replace(sessions: &Arc<Sessions>, session: &Arc<Session>) {
    let Some(first) = session.term().life else { return };
    let mut at = moment(&first, fastrand::f64());
    loop {
        sleep_until(at).await;
        // A session that was replaced is kept for the leases that end with it.
        let wanted = sessions.is_current(session) || sessions.leases.any_of(session);
        if !session.alive() || !wanted {
            return;
        }
        if session.term().renewable {
            match renew(sessions, session, first.lasts).await {
                Ok(Term { life: None, .. }) => return,
                Ok(Term { life: Some(life), renewable: true }) => {
                    at = moment(&life, fastrand::f64());
                    continue;
                }
                // It reached its longest life: there is little left to log in anew.
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(vault = %sessions.location, %error, "the token was not renewed");
                    at = later(session);
                    continue;
                }
            }
        }
        if !sessions.is_current(session) {
            return;
        }
        // An idle vault need not log in for ever: the next read does.
        if session.take_used() {
            match sessions.replace().await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(vault = %sessions.location, %error, "the login ends soon, and a new one failed");
                }
            }
        }
        at = later(session);
    }
}

/// Renews the token, and answers its new term. It counts as renewable for as long as renewing still gives most of
/// what the login gave: close to its longest life, Vault gives less and less.
async fn renew(sessions: &Sessions, session: &Session, first: Duration) -> Result<Term, VaultError> {
    let from = Instant::now();
    let request = RenewTokenSelfRequest { increment: None };
    let answer = timeout(OWN_TIMEOUT, sessions.client.send(&request, Some(&session.token), Namespace::Ours));
    let answer = answer.await.unwrap_or_else(|_| {
        Err(VaultError::vault(ErrorKind::Timeout, format!("{} did not answer", sessions.location)))
    })?;
    if let Some(error) = error::of_server(&sessions.location, &answer) {
        return Err(error);
    }
    let mut term = Term { renewable: false, ..session.term() };
    if answer.status.is_success() {
        let renewed = Envelope::parse(&answer.body)
            .and_then(|body| body.login())
            .map_err(|_| error::malformed(&sessions.location, "a renewal with something else"))?;
        term.life = Life::new(from, renewed.lease_duration);
        term.renewable =
            renewed.renewable && term.life.is_none_or(|life| life.lasts >= first.mul_f64(RENEW_AT));
    }
    session.set_term(term);
    Ok(term)
}

/// When to renew what lasts `life`; `chance` is from 0 to 1.
fn moment(life: &Life, chance: f64) -> Instant {
    life.from + life.lasts.mul_f64(RENEW_AT - JITTER * chance)
}

/// When to try again what failed: often enough before the end.
fn later(session: &Session) -> Instant {
    let left = session.remaining().unwrap_or(PAUSE.1);
    Instant::now() + left.mul_f64((1.0 + fastrand::f64()) / 8.0).clamp(PAUSE.0, PAUSE.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_at_two_thirds_of_its_life_or_a_little_before() {
        let life = Life::new(Instant::now(), 60).unwrap();
        let after = |chance| moment(&life, chance).duration_since(life.from).as_secs_f64();
        assert!((after(0.0) - 40.0).abs() < 0.001);
        assert!((after(1.0) - 34.0).abs() < 0.001);
    }
}
