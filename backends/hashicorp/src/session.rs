//! One login for many reads: who is logged in, who is logging in, and how a login is found to have ended.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cofferdam_vault::{BoxFuture, ErrorKind, VaultError};
use futures_util::FutureExt as _;
use futures_util::future::Shared;
use http::StatusCode;
use rustify::Endpoint;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vaultrs::api::token::requests::{LookupTokenSelfRequest, RevokeTokenSelfRequest};

use crate::client::{Answer, Client, Namespace, Token};
use crate::error;
use crate::lease::Leases;
use crate::login::{Door, Granted, Life};
use crate::renewal;

/// How long the vault's own tasks (a login, a read that creates a lease) may take: they outlive the caller that started
/// them, so nobody else's time-out ends them. Longer than any attempt, so that a slow login is finished and not repeated.
pub(crate) const OWN_TIMEOUT: Duration = Duration::from_secs(30);

/// How long closing waits for logins and reads on their way, before it gives back what it knows of.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// How old a login must be before a refused request is taken for its end, where the token may not look itself up. One
/// login in this time is what a secret that is denied costs then, and no more.
const BLIND_LOGIN_AGE: Duration = Duration::from_secs(10);

/// A token in use.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) token: Token,
    pub(crate) own: bool,
    knows_itself: bool,
    since: Instant,
    /// Refused by the server.
    dead: AtomicBool,
    /// Whether anybody asked for it since the last look.
    used: AtomicBool,
    term: Mutex<Term>,
}

/// How long a session lasts, and whether it can be lengthened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Term {
    pub(crate) life: Option<Life>,
    pub(crate) renewable: bool,
}

impl Session {
    fn new(granted: Granted) -> Self {
        Self {
            token: granted.token,
            own: granted.own,
            knows_itself: granted.knows_itself,
            since: Instant::now(),
            dead: AtomicBool::new(false),
            used: AtomicBool::new(true),
            term: Mutex::new(Term { life: granted.life, renewable: granted.renewable }),
        }
    }

    pub(crate) fn term(&self) -> Term {
        *self.term.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_term(&self, term: Term) {
        *self.term.lock().unwrap_or_else(PoisonError::into_inner) = term;
    }

    /// How much longer the token lasts; `None` where it never ends.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        self.term().life.map(|life| life.end().saturating_duration_since(Instant::now()))
    }

    /// Whether the token is good as far as is known here.
    pub(crate) fn alive(&self) -> bool {
        !self.dead.load(Ordering::Relaxed) && self.remaining().is_none_or(|left| !left.is_zero())
    }

    /// Whether anybody used it since this was last asked.
    pub(crate) fn take_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }
}

/// A login on its way, which any number of reads wait for.
type Entering = Shared<BoxFuture<'static, Result<Arc<Session>, VaultError>>>;

#[derive(Default)]
struct State {
    current: Option<Arc<Session>>,
    entering: Option<Entering>,
}

/// The logins of one vault.
pub(crate) struct Sessions {
    pub(crate) client: Client,
    pub(crate) location: String,
    pub(crate) leases: Leases,
    /// Every task of this vault.
    pub(crate) tasks: TaskTracker,
    /// Ends them all.
    pub(crate) closing: CancellationToken,
    door: Door,
    state: Mutex<State>,
}

impl Sessions {
    pub(crate) fn new(client: Client, door: Door, location: String) -> Self {
        Self {
            client,
            location,
            leases: Leases::default(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
            door,
            state: Mutex::default(),
        }
    }

    /// The session to use now; logs in where there is none, together with everybody else who needs one.
    ///
    /// # Errors
    ///
    /// Those of the login.
    pub(crate) async fn get(self: &Arc<Self>) -> Result<Arc<Session>, VaultError> {
        let entering = {
            let mut state = self.lock();
            match &state.current {
                Some(session) if session.alive() => {
                    session.used.store(true, Ordering::Relaxed);
                    return Ok(Arc::clone(session));
                }
                _ => self.entering(&mut state),
            }
        };
        entering.await
    }

    /// Logs in although there is a session, before that ends.
    ///
    /// # Errors
    ///
    /// Those of the login; the session stays.
    pub(crate) async fn replace(self: &Arc<Self>) -> Result<(), VaultError> {
        let entering = self.entering(&mut self.lock());
        entering.await.map(drop)
    }

    pub(crate) fn is_current(&self, session: &Arc<Session>) -> bool {
        self.lock().current.as_ref().is_some_and(|current| Arc::ptr_eq(current, session))
    }

    /// Sends `endpoint` with the token of the session, which is answered too; `denied` is what a 403 means where it is
    /// not the login's end.
    ///
    /// # Errors
    ///
    /// Where there is no answer, or one about the server or our login.
    pub(crate) async fn send(
        self: &Arc<Self>,
        endpoint: &impl Endpoint,
        denied: impl FnOnce() -> VaultError,
    ) -> Result<(Answer, Arc<Session>), VaultError> {
        let session = self.get().await?;
        let answer = self.client.send(endpoint, Some(&session.token), Namespace::Ours).await?;
        if let Some(error) = error::of_server(&self.location, &answer) {
            return Err(error);
        }
        match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(self.refused(&session, denied).await),
            _ => Ok((answer, session)),
        }
    }

    /// A request was refused: is it the secret's policy, or has our login ended? Only the token itself can tell.
    async fn refused(&self, session: &Arc<Session>, denied: impl FnOnce() -> VaultError) -> VaultError {
        if !session.alive() {
            return self.ended(session);
        }
        if !session.knows_itself {
            return if session.since.elapsed() < BLIND_LOGIN_AGE { denied() } else { self.ended(session) };
        }
        match self.client.send(&LookupTokenSelfRequest {}, Some(&session.token), Namespace::Ours).await {
            Ok(answer) if answer.status.is_success() => denied(),
            Ok(answer) => error::of_server(&self.location, &answer).unwrap_or_else(|| self.ended(session)),
            Err(error) => error,
        }
    }

    /// Drops `session`, so that the next read logs in anew.
    fn ended(&self, session: &Arc<Session>) -> VaultError {
        session.dead.store(true, Ordering::Relaxed);
        let mut state = self.lock();
        if state.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, session)) {
            state.current = None;
        }
        VaultError::vault(
            ErrorKind::Unauthenticated,
            format!("our login at {} has ended or was revoked; the next attempt logs in anew", self.location),
        )
    }

    /// The login on its way, begun where there is none. It is a task of the vault's: a caller that goes away neither
    /// ends it nor makes the next one begin another.
    fn entering(self: &Arc<Self>, state: &mut State) -> Entering {
        if let Some(entering) = &state.entering
            && entering.peek().is_none()
        {
            return entering.clone();
        }
        let (tell, told) = oneshot::channel();
        let sessions = Arc::clone(self);
        self.tasks.spawn(async move {
            let answer = sessions.enter().await;
            let mut state = sessions.lock();
            state.entering = None;
            if let Ok(session) = &answer {
                state.current = Some(Arc::clone(session));
            }
            drop(state);
            // Everybody went away: the session is there for whoever comes next.
            let _ = tell.send(answer);
        });
        let entering = async { told.await.unwrap_or_else(|_| Err(closed())) }.boxed().shared();
        state.entering = Some(entering.clone());
        entering
    }

    async fn enter(self: &Arc<Self>) -> Result<Arc<Session>, VaultError> {
        if self.closing.is_cancelled() {
            return Err(closed());
        }
        let granted = timeout(OWN_TIMEOUT, self.door.enter(&self.client)).await.unwrap_or_else(|_| {
            let message = format!("{} did not answer our login within {OWN_TIMEOUT:?}", self.location);
            Err(VaultError::vault(ErrorKind::Timeout, message))
        })?;
        let session = Arc::new(Session::new(granted));
        tracing::debug!(vault = %self.location, lasts = ?session.remaining(), "logged in");
        self.tasks.spawn(renewal::keep(Arc::clone(self), Arc::clone(&session)));
        Ok(session)
    }

    /// Gives back what the server holds for this vault: leases first, then the tokens that were made for it.
    pub(crate) async fn close(self: &Arc<Self>) {
        self.closing.cancel();
        self.tasks.close();
        // A token or a lease that is being made must be known to be revoked. One that comes later ends by itself.
        let _ = timeout(CLOSE_WAIT, self.tasks.wait()).await;
        let current = std::mem::take(&mut *self.lock()).current;
        let mut tokens = self.leases.revoke_all(self).await;
        tokens.extend(current.filter(|current| !tokens.iter().any(|known| Arc::ptr_eq(known, current))));
        for session in tokens.iter().filter(|session| session.own && session.alive()) {
            // What cannot be revoked ends by itself.
            let revoke = RevokeTokenSelfRequest {};
            if let Err(error) = self.client.send(&revoke, Some(&session.token), Namespace::Ours).await {
                tracing::warn!(vault = %self.location, %error, "a token was not revoked and ends by itself");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn closed() -> VaultError {
    VaultError::vault(ErrorKind::Unavailable, "the vault is closed")
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("location", &self.location).finish_non_exhaustive()
    }
}
