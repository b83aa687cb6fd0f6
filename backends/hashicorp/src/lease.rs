//! The leases that reads of this vault created, so that none is left behind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cofferdam_vault::{ErrorKind, Lease, VaultError};
use futures_util::StreamExt as _;
use http::StatusCode;
use tokio::time::Instant;

use crate::answer::Envelope;
use crate::client::Namespace;
use crate::endpoint;
use crate::error;
use crate::login::Life;
use crate::session::{Session, Sessions};

/// How many leases may be open at once. Past it, reads that would create one are refused until others have ended.
const MAX_LEASES: usize = 10_000;

/// How many leases are revoked at a time when the vault closes.
const REVOKED_AT_ONCE: usize = 8;

/// The open leases of one vault.
#[derive(Default)]
pub(crate) struct Leases {
    open: Mutex<HashMap<String, Held>>,
}

struct Held {
    /// Whose token the lease hangs on: it ends with it at the latest.
    session: Arc<Session>,
    ends: Instant,
}

impl Leases {
    /// Makes sure that one more lease can be kept track of.
    ///
    /// # Errors
    ///
    /// `Throttled` where it cannot.
    pub(crate) fn room(&self) -> Result<(), VaultError> {
        let mut open = self.lock();
        if open.len() >= MAX_LEASES {
            let now = Instant::now();
            open.retain(|_, held| held.ends > now);
        }
        if open.len() < MAX_LEASES {
            return Ok(());
        }
        let message = format!("{MAX_LEASES} leases are open; shorten their time in the engine's role");
        Err(VaultError::vault(ErrorKind::Throttled, message))
    }

    /// Keeps track of a lease that was answered to a request of `session`, sent at `from`; answers it as long as it lasts:
    /// no longer than the session's token, which takes its leases along.
    pub(crate) fn track(&self, mut lease: Lease, session: &Arc<Session>, from: Instant) -> Lease {
        if let Some(life) = Life::new(from, lease.duration.as_secs()) {
            self.lock().insert(lease.id.clone(), Held { session: Arc::clone(session), ends: life.end() });
        }
        lease.duration = session.remaining().map_or(lease.duration, |left| left.min(lease.duration));
        lease
    }

    /// Whether leases of `session` are open.
    pub(crate) fn any_of(&self, session: &Arc<Session>) -> bool {
        let now = Instant::now();
        self.lock().values().any(|held| held.ends > now && Arc::ptr_eq(&held.session, session))
    }

    /// Ends all of them; answers the sessions that they hung on.
    pub(crate) async fn revoke_all(&self, sessions: &Arc<Sessions>) -> Vec<Arc<Session>> {
        let open = std::mem::take(&mut *self.lock());
        let mut owners: Vec<Arc<Session>> = Vec::new();
        for held in open.values() {
            if !owners.iter().any(|known| Arc::ptr_eq(known, &held.session)) {
                owners.push(Arc::clone(&held.session));
            }
        }
        let now = Instant::now();
        futures_util::stream::iter(open.into_iter().filter(|(_, held)| held.ends > now))
            .for_each_concurrent(REVOKED_AT_ONCE, |(id, held)| async move {
                let revoke = endpoint::revoke_lease(&id);
                let answer = sessions.client.send(&revoke, Some(&held.session.token), Namespace::Ours).await;
                if !answer.is_ok_and(|answer| answer.status.is_success()) {
                    tracing::warn!(vault = %sessions.location, "a lease was not revoked and ends with its token");
                }
            })
            .await;
        owners
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lengthens `lease` by as much as it first lasted, as far as the server allows.
///
/// # Errors
///
/// `NotFound` (secret) where it has ended; `Unsupported` (secret) where it cannot be renewed.
pub(crate) async fn renew(sessions: &Arc<Sessions>, lease: &Lease) -> Result<Lease, VaultError> {
    if !lease.renewable {
        let message = "this lease cannot be renewed; read the secret anew";
        return Err(VaultError::secret(ErrorKind::Unsupported, message));
    }
    let from = Instant::now();
    let (answer, session) =
        sessions.send(&endpoint::renew_lease(&lease.id), || denied("sys/leases/renew")).await?;
    match answer.status {
        StatusCode::OK => {
            let renewed = Envelope::parse(&answer.body).ok().and_then(|body| body.lease());
            let renewed = renewed
                .ok_or_else(|| error::malformed(&sessions.location, "a renewed lease with something else"))?;
            let owner = sessions.leases.lock().get(&lease.id).map(|held| Arc::clone(&held.session));
            Ok(sessions.leases.track(renewed, &owner.unwrap_or(session), from))
        }
        _ => {
            sessions.leases.lock().remove(&lease.id);
            Err(VaultError::secret(ErrorKind::NotFound, "this lease has ended; read the secret anew"))
        }
    }
}

/// Ends `lease`; one that has ended already is no error.
///
/// # Errors
///
/// `Denied` (secret) where our policy does not allow it.
pub(crate) async fn release(sessions: &Arc<Sessions>, lease: &Lease) -> Result<(), VaultError> {
    let (answer, _) =
        sessions.send(&endpoint::revoke_lease(&lease.id), || denied("sys/leases/revoke")).await?;
    // The server says 400 to a lease that it does not know.
    if answer.status.is_success() || answer.status == StatusCode::BAD_REQUEST {
        sessions.leases.lock().remove(&lease.id);
        return Ok(());
    }
    Err(error::malformed(&sessions.location, "a released lease with something else"))
}

fn denied(path: &str) -> VaultError {
    let message =
        format!("our policy does not allow leases to be ended or renewed; allow `update` on {path}");
    VaultError::secret(ErrorKind::Denied, message)
}
