//! One login for many reads: shares it, renews or replaces it, and detects that it has expired.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cofferdam_vault::http::StatusCode;
use cofferdam_vault::{BoxFuture, ErrorKind, VaultError};
use futures_util::FutureExt as _;
use futures_util::future::Shared;
use tokio::sync::oneshot;
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authenticator::Authenticator;
use crate::client::{Client, Namespace, TASK_TIMEOUT};
use crate::endpoint;
use crate::error;
use crate::leases::Leases;
use crate::renewal;
use crate::session::{Session, Validity};
use cofferdam_vault::http::Request;
use cofferdam_vault::http::Response;

/// How long closing waits for logins and reads in progress, before it revokes what is known.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Minimum age of a login before a denied request counts as its expiry, if the token may not look itself up. It limits
/// the cost of a denied secret to one login per period.
const MIN_UNVERIFIED_AGE: Duration = Duration::from_secs(10);

/// A login in progress, which any number of reads wait for.
type SharedLogin = Shared<BoxFuture<'static, Result<Arc<Session>, VaultError>>>;

#[derive(Default)]
struct State {
    current: Option<Arc<Session>>,
    login: Option<SharedLogin>,
}

/// The logins of one vault.
pub(crate) struct SessionManager {
    pub(crate) client: Client,
    pub(crate) location: String,
    pub(crate) leases: Leases,
    /// Tracks every task of this vault.
    pub(crate) tasks: TaskTracker,
    /// Cancels every task of this vault.
    pub(crate) closing: CancellationToken,
    authenticator: Authenticator,
    state: Mutex<State>,
}

impl SessionManager {
    pub(crate) fn new(client: Client, authenticator: Authenticator, location: String) -> Self {
        Self {
            client,
            location,
            leases: Leases::default(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
            authenticator,
            state: Mutex::default(),
        }
    }

    /// The current session. Logs in if there is none; concurrent callers share one login.
    ///
    /// # Errors
    ///
    /// Those of the login.
    pub(crate) async fn get(self: &Arc<Self>) -> Result<Arc<Session>, VaultError> {
        let login = {
            let mut state = self.lock();
            match &state.current {
                Some(session) if session.is_valid() => {
                    session.mark_used();
                    return Ok(Arc::clone(session));
                }
                _ => self.shared_login(&mut state),
            }
        };
        login.await
    }

    /// Sends `request` with the token of the current session, and returns that session too. `denied` is the error of a
    /// 403 that does not mean an expired login.
    ///
    /// # Errors
    ///
    /// If there is no response, or one about the server or the login.
    pub(crate) async fn send(
        self: &Arc<Self>,
        request: &Request,
        denied: impl FnOnce() -> VaultError,
    ) -> Result<(Response, Arc<Session>), VaultError> {
        let session = self.get().await?;
        let response = self.client.send(request, Some(&session.token), Namespace::Configured).await?;
        if let Some(error) = error::from_status(&self.location, &response) {
            return Err(error);
        }
        match response.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(self.rejected(&session, denied).await),
            _ => Ok((response, session)),
        }
    }

    /// The error of a rejected request: either the policy denies it, or the login has expired. Only a lookup of the token
    /// shows which.
    async fn rejected(&self, session: &Arc<Session>, denied: impl FnOnce() -> VaultError) -> VaultError {
        if !session.is_valid() {
            return self.expire(session);
        }
        if !session.can_look_up_itself {
            return if session.age() < MIN_UNVERIFIED_AGE { denied() } else { self.expire(session) };
        }
        let lookup = endpoint::look_up_token();
        match self.client.send(&lookup, Some(&session.token), Namespace::Configured).await {
            Ok(response) if response.status.is_success() => denied(),
            Ok(response) => {
                error::from_status(&self.location, &response).unwrap_or_else(|| self.expire(session))
            }
            Err(error) => error,
        }
    }

    /// Drops `session`, so that the next read logs in again.
    fn expire(&self, session: &Arc<Session>) -> VaultError {
        session.reject();
        let mut state = self.lock();
        if state.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, session)) {
            state.current = None;
        }
        VaultError::vault(
            ErrorKind::Unauthenticated,
            format!(
                "the login at {} has expired or was revoked; the next attempt logs in again",
                self.location
            ),
        )
    }

    /// The login in progress, or a new one. It runs as a task of the vault: a caller that is cancelled does not end it,
    /// and the next caller does not start another.
    fn shared_login(self: &Arc<Self>, state: &mut State) -> SharedLogin {
        if let Some(login) = &state.login
            && login.peek().is_none()
        {
            return login.clone();
        }
        let (sender, receiver) = oneshot::channel();
        let manager = Arc::clone(self);
        self.tasks.spawn(async move {
            let result = manager.log_in().await;
            let mut state = manager.lock();
            state.login = None;
            if let Ok(session) = &result {
                state.current = Some(Arc::clone(session));
            }
            drop(state);
            // If all callers are gone, the next one finds the session.
            let _ = sender.send(result);
        });
        let login = async { receiver.await.unwrap_or_else(|_| Err(error::closed())) }.boxed().shared();
        state.login = Some(login.clone());
        login
    }

    async fn log_in(self: &Arc<Self>) -> Result<Arc<Session>, VaultError> {
        if self.closing.is_cancelled() {
            return Err(error::closed());
        }
        let login = timeout(TASK_TIMEOUT, self.authenticator.login(&self.client));
        let token = login.await.unwrap_or_else(|_| {
            let message = format!("{} did not respond to the login within {TASK_TIMEOUT:?}", self.location);
            Err(VaultError::vault(ErrorKind::Timeout, message))
        })?;
        let session = Arc::new(Session::new(token));
        tracing::debug!(vault = %self.location, ttl = ?session.remaining(), "logged in");
        self.tasks.spawn(Arc::clone(self).keep_alive(Arc::clone(&session)));
        Ok(session)
    }

    /// Renews or replaces `session` until it is no longer needed, or the vault closes.
    async fn keep_alive(self: Arc<Self>, session: Arc<Session>) {
        let closing = self.closing.clone();
        tokio::select! {
            () = closing.cancelled() => {}
            () = self.renew_or_replace(&session) => {}
        }
    }

    async fn renew_or_replace(self: &Arc<Self>, session: &Arc<Session>) {
        let Some(initial) = session.validity().ttl else { return };
        let mut at = renewal::due(&initial, fastrand::f64());
        loop {
            sleep_until(at).await;
            // A session that was replaced is renewed as long as it has leases, because they expire with it.
            let needed = self.is_current(session) || self.leases.any_of(session);
            if !session.is_valid() || !needed {
                return;
            }
            if session.validity().renewable {
                match renewal::renew(&self.client, &self.location, session, initial.duration).await {
                    Ok(Validity { ttl: None, .. }) => return,
                    Ok(Validity { ttl: Some(ttl), renewable: true }) => {
                        at = renewal::due(&ttl, fastrand::f64());
                        continue;
                    }
                    // The token is close to its maximum TTL: replace it.
                    Ok(_) => {}
                    Err(error) => {
                        tracing::debug!(vault = %self.location, %error, "the token was not renewed");
                        at = renewal::retry_at(session);
                        continue;
                    }
                }
            }
            if !self.is_current(session) {
                return;
            }
            // An idle vault does not log in again. The next read does.
            if session.take_used() {
                match self.replace().await {
                    Ok(()) => return,
                    Err(error) => {
                        tracing::warn!(vault = %self.location, %error, "the login expires soon, and a new one failed");
                    }
                }
            }
            at = renewal::retry_at(session);
        }
    }

    /// Logs in before the current session expires. If the login fails, the session stays.
    async fn replace(self: &Arc<Self>) -> Result<(), VaultError> {
        let login = self.shared_login(&mut self.lock());
        login.await.map(drop)
    }

    fn is_current(&self, session: &Arc<Session>) -> bool {
        self.lock().current.as_ref().is_some_and(|current| Arc::ptr_eq(current, session))
    }

    /// Revokes what the server holds for this vault: first the leases, then the tokens that were issued to it.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        // Waits for tokens and leases in progress, to revoke them too. Later ones expire.
        let _ = timeout(CLOSE_TIMEOUT, self.tasks.wait()).await;
        let current = std::mem::take(&mut *self.lock()).current;
        let mut sessions = self.leases.revoke_all(&self.client, &self.location).await;
        sessions.extend(current.filter(|current| !sessions.iter().any(|known| Arc::ptr_eq(known, current))));
        for session in sessions.iter().filter(|session| session.owned && session.is_valid()) {
            let revoke = endpoint::revoke_token();
            if let Err(error) = self.client.send(&revoke, Some(&session.token), Namespace::Configured).await {
                tracing::warn!(vault = %self.location, %error, "a token was not revoked; it expires by itself");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SessionManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionManager").field("location", &self.location).finish_non_exhaustive()
    }
}
