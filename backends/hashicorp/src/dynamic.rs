//! Paths that are read from another engine, with the leases that their reads create.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cofferdam_vault::http::StatusCode;
use cofferdam_vault::{ErrorKind, JsonFields, Lease, SecretPath, VaultError, Version};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::client::TASK_TIMEOUT;
use crate::endpoint;
use crate::error;
use crate::response::Envelope;
use crate::session_manager::SessionManager;
use crate::version;

/// Numbers the reads that created a lease: each returns a credential of its own, with a version of its own.
static READS: AtomicU64 = AtomicU64::new(1);

/// What another engine returned.
pub(crate) struct DynamicSecret {
    pub(crate) fields: JsonFields,
    pub(crate) version: Version,
    pub(crate) lease: Option<Lease>,
}

/// Reads the secret `path` from `target`.
///
/// The request runs as a task of the vault. If the caller is cancelled while the server creates a credential, the task
/// revokes the lease, so that none is left behind.
///
/// # Errors
///
/// Those of the request, and `Throttled` if too many leases are open.
pub(crate) async fn read(
    sessions: &Arc<SessionManager>,
    path: &SecretPath,
    target: &str,
) -> Result<DynamicSecret, VaultError> {
    if sessions.closing.is_cancelled() {
        return Err(error::closed());
    }
    sessions.leases.check_capacity()?;
    let (sender, receiver) = oneshot::channel();
    let (task, path, target) = (Arc::clone(sessions), path.clone(), target.to_owned());
    sessions.tasks.spawn(async move {
        let result = timeout(TASK_TIMEOUT, request(&task, &path, &target)).await.unwrap_or_else(|_| {
            let message = format!("{} did not respond within {TASK_TIMEOUT:?}", task.location);
            Err(VaultError::vault(ErrorKind::Timeout, message))
        });
        let abandoned = match sender.send(result) {
            Err(Ok(secret)) => secret.lease,
            _ => None,
        };
        if let Some(lease) = abandoned
            && !matches!(timeout(TASK_TIMEOUT, release(&task, &lease)).await, Ok(Ok(())))
        {
            tracing::debug!(vault = %task.location, "the lease of a cancelled read was not revoked; it expires by itself");
        }
    });
    receiver.await.unwrap_or_else(|_| {
        Err(VaultError::vault(ErrorKind::Unavailable, "the read was aborted; the vault is closing"))
    })
}

async fn request(
    sessions: &Arc<SessionManager>,
    path: &SecretPath,
    target: &str,
) -> Result<DynamicSecret, VaultError> {
    let denied = || {
        let message = format!(
            "the policy at {} does not allow `read` on {target}; add it to the role's policy",
            sessions.location
        );
        VaultError::secret(ErrorKind::Denied, message)
    };
    let start = Instant::now();
    let (response, session) = sessions.send(&endpoint::read(target), denied).await?;
    let body = Envelope::parse(&response.body).map_err(|_| error::malformed(&sessions.location, "a read"))?;
    match response.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => {
            let message = format!("{} has nothing at {target}; correct `paths`", sessions.location);
            return Err(VaultError::secret(ErrorKind::NotFound, message));
        }
        // Usually an unknown role.
        status => {
            let message =
                format!("{} cannot read {target} ({status}); check the engine's role", sessions.location);
            return Err(VaultError::secret(ErrorKind::Malformed, message));
        }
    }
    // The lease is tracked first, so that it is revoked even if the fields are invalid.
    let lease = body.lease().map(|lease| sessions.leases.track(lease, &session, start));
    let fields: JsonFields = body.data().map_err(|_| {
        let message = format!("{target} is not an object of fields; name another path in `paths`");
        VaultError::secret(ErrorKind::Malformed, message)
    })?;
    let version = match lease {
        Some(_) => Version::new(format!("lease-{}", READS.fetch_add(1, Ordering::Relaxed))),
        None => version::from_content(path, fields.texts()),
    };
    Ok(DynamicSecret { fields, version, lease })
}

/// Renews `lease` by its initial duration, as far as the server allows.
///
/// # Errors
///
/// `NotFound` (secret) if it has expired, `Unsupported` (secret) if it cannot be renewed.
pub(crate) async fn renew(sessions: &Arc<SessionManager>, lease: &Lease) -> Result<Lease, VaultError> {
    if !lease.renewable {
        let message = "this lease cannot be renewed; read the secret again";
        return Err(VaultError::secret(ErrorKind::Unsupported, message));
    }
    let start = Instant::now();
    let (response, session) =
        sessions.send(&endpoint::renew_lease(&lease.id), || denied("sys/leases/renew")).await?;
    match response.status {
        StatusCode::OK => {
            let renewed = Envelope::parse(&response.body).ok().and_then(|body| body.lease());
            let renewed =
                renewed.ok_or_else(|| error::malformed(&sessions.location, "the renewal of a lease"))?;
            let owner = sessions.leases.session_of(&lease.id).unwrap_or(session);
            Ok(sessions.leases.track(renewed, &owner, start))
        }
        _ => {
            sessions.leases.forget(&lease.id);
            Err(VaultError::secret(ErrorKind::NotFound, "this lease has expired; read the secret again"))
        }
    }
}

/// Revokes `lease`. Revoking an expired lease succeeds.
///
/// # Errors
///
/// `Denied` (secret) if the policy does not allow it.
pub(crate) async fn release(sessions: &Arc<SessionManager>, lease: &Lease) -> Result<(), VaultError> {
    let (response, _) =
        sessions.send(&endpoint::revoke_lease(&lease.id), || denied("sys/leases/revoke")).await?;
    // The server responds with 400 if it does not know the lease.
    if response.status.is_success() || response.status == StatusCode::BAD_REQUEST {
        sessions.leases.forget(&lease.id);
        return Ok(());
    }
    Err(error::malformed(&sessions.location, "the revocation of a lease"))
}

fn denied(path: &str) -> VaultError {
    let message = format!("the policy does not allow `update` on {path}; add it to the role's policy");
    VaultError::secret(ErrorKind::Denied, message)
}
