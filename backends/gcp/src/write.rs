//! Writes and deletes secrets.
//!
//! Adding a version has no condition in the API, so what a writer expects is checked just before. Creating a secret and
//! deleting one with an ETag are checked by Secret Manager itself.

use cofferdam_vault::{ErrorKind, Expect, VaultError, Version};

use crate::error::{Failure, Reason, conflict};
use crate::secret_manager::{LATEST, SecretManager, subject};
use crate::version::version;

/// Adds a version with `payload` to the secret `id` if `expect` holds, and creates the secret if there is none.
pub(crate) async fn write(
    store: &SecretManager,
    id: &str,
    payload: &[u8],
    expect: &Expect,
) -> Result<Version, VaultError> {
    if *expect != Expect::Any {
        check(store, id, expect).await?;
    }
    let number = match store.add(id, payload).await {
        Err(Failure { reason: Reason::Missing, .. }) if matches!(expect, Expect::Version(_)) => {
            return Err(conflict(&subject(id)));
        }
        Err(Failure { reason: Reason::Missing, .. }) => {
            match store.create(id).await {
                // Another writer has created it. That is what this one wanted, unless it expected no secret.
                Err(Failure { reason: Reason::Exists, .. }) if *expect == Expect::Any => {}
                created => created?,
            }
            store.add(id, payload).await?
        }
        added => added?,
    };
    Ok(version(id, number, payload))
}

/// Deletes the secret `id` with all its versions if `expect` holds.
pub(crate) async fn delete(store: &SecretManager, id: &str, expect: &Expect) -> Result<(), VaultError> {
    let etag = match expect {
        Expect::Any => None,
        Expect::Absent => return check(store, id, expect).await,
        Expect::Version(_) => {
            // Read first: with it, a secret that is deleted and created again after the check is not deleted.
            let etag = match store.etag(id).await {
                Err(Failure { reason: Reason::Missing, .. }) => return Err(conflict(&subject(id))),
                etag => etag?,
            };
            check(store, id, expect).await?;
            Some(etag)
        }
    };
    match store.delete(id, etag.as_deref()).await {
        Err(Failure { reason: Reason::Missing, .. }) if etag.is_none() => Ok(()),
        Err(Failure { reason: Reason::Missing | Reason::Precondition, .. }) => Err(conflict(&subject(id))),
        deleted => Ok(deleted?),
    }
}

/// Checks what the writer expects.
async fn check(store: &SecretManager, id: &str, expect: &Expect) -> Result<(), VaultError> {
    let current = match store.access(id, LATEST).await {
        Ok(found) => Some(version(id, found.number, &found.bytes)),
        // Missing, disabled or destroyed: there is nothing to read.
        Err(failure) if failure.error.kind() == ErrorKind::NotFound => None,
        Err(failure) => return Err(failure.error),
    };
    let holds = match expect {
        Expect::Any => true,
        Expect::Absent => current.is_none(),
        Expect::Version(expected) => current.as_ref() == Some(expected),
    };
    if holds { Ok(()) } else { Err(conflict(&subject(id))) }
}
