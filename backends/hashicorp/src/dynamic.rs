//! Paths that are read from another engine: each read of a dynamic one creates a lease, and none is left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cofferdam_vault::{ErrorKind, Secret, SecretPath, VaultError, Version};
use http::StatusCode;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::answer::{self, Envelope, RawFields};
use crate::endpoint;
use crate::error;
use crate::lease;
use crate::session::{OWN_TIMEOUT, Sessions, closed};
use crate::version;

/// Numbers the reads that created a lease: each is a credential of its own, and a version of its own.
static READS: AtomicU64 = AtomicU64::new(1);

/// Reads `target`, which is what `path` stands for.
///
/// The request is a task of the vault's own: a caller that goes away while the server makes a credential would leave
/// its lease behind. It is ended here instead.
///
/// # Errors
///
/// Those of the request; `Throttled` where too many leases are open.
pub(crate) async fn read(
    sessions: &Arc<Sessions>,
    path: &SecretPath,
    target: &str,
) -> Result<Secret, VaultError> {
    if sessions.closing.is_cancelled() {
        return Err(closed());
    }
    sessions.leases.room()?;
    let (tell, told) = oneshot::channel();
    let (task, path, target) = (Arc::clone(sessions), path.clone(), target.to_owned());
    sessions.tasks.spawn(async move {
        let answer = timeout(OWN_TIMEOUT, request(&task, &path, &target)).await.unwrap_or_else(|_| {
            let message = format!("{} did not answer within {OWN_TIMEOUT:?}", task.location);
            Err(VaultError::vault(ErrorKind::Timeout, message))
        });
        let unheard = match tell.send(answer) {
            Err(Ok(secret)) => secret.lease,
            _ => None,
        };
        if let Some(lease) = unheard
            && let Err(error) = lease::release(&task, &lease).await
        {
            tracing::debug!(vault = %task.location, %error, "a lease that nobody waited for ends by itself");
        }
    });
    told.await.unwrap_or_else(|_| {
        Err(VaultError::vault(ErrorKind::Unavailable, "the read ended before it answered"))
    })
}

async fn request(sessions: &Arc<Sessions>, path: &SecretPath, target: &str) -> Result<Secret, VaultError> {
    let denied = || {
        let message = format!("our policy at {} does not allow `read` on {target}", sessions.location);
        VaultError::secret(ErrorKind::Denied, message)
    };
    let from = Instant::now();
    let (answer, session) = sessions.send(&endpoint::read(target), denied).await?;
    let body = Envelope::parse(&answer.body)
        .map_err(|_| error::malformed(&sessions.location, "a read with something that is not JSON"))?;
    match answer.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => {
            let message = format!("{} has nothing at {target}; correct `paths`", sessions.location);
            return Err(VaultError::secret(ErrorKind::NotFound, message));
        }
        // An unknown role, mostly.
        status => {
            let message =
                format!("{} cannot read {target} ({status}); look at the engine's role", sessions.location);
            return Err(VaultError::secret(ErrorKind::Malformed, message));
        }
    }
    // First of all the lease: whatever is wrong with the rest, it must end.
    let lease = body.lease().map(|lease| sessions.leases.track(lease, &session, from));
    let fields = body.data::<RawFields<'_>>().and_then(|raw| answer::fields(&raw)).map_err(|_| {
        let message = format!("{target} is no object of fields; name another place in `paths`");
        VaultError::secret(ErrorKind::Malformed, message)
    })?;
    let version = match lease {
        Some(_) => Version::new(format!("lease-{}", READS.fetch_add(1, Ordering::Relaxed))),
        None => version::of(path, &fields),
    };
    Ok(Secret { fields, version, valid_for: lease.as_ref().map(|lease| lease.duration), lease })
}
