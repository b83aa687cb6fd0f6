//! The operations that every backend implements.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;

use crate::{Change, ErrorKind, FieldName, Lease, Secret, SecretFields, SecretPath, VaultError, Version};
use cofferdam_config::Diagnostics;
use futures_util::future::ready;
use futures_util::stream::{BoxStream, once};

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A vault's description, safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultInfo {
    /// The backend's name: `env`, `age`, …
    pub backend: &'static str,
    /// Where the store is, fit for a log: the path of a file, an address without user name and query.
    pub location: String,
    /// What the vault opens the store or logs in with, fit for a log: `the secret ID file /run/secrets/id`, `VAULT_TOKEN of
    /// the environment`. Names, never content. Nothing else is read for a login. Empty if there is no login.
    pub sources: Vec<String>,
    /// What the store supports.
    pub capabilities: Capabilities,
}

/// What a store supports. The testkit's suite verifies that a backend supports what it declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// [`Vault::write`] and [`Vault::delete`] work.
    pub write: bool,
    /// [`Vault::list`] works.
    pub list: bool,
    /// Writes check [`Expect::Absent`] and [`Expect::Version`] atomically against every writer, other processes included,
    /// and no version is ever used again. Without it, they are checked against the state just before the write.
    pub cas: bool,
    /// The state before the current one can be read.
    pub previous: bool,
    /// [`Vault::read_many`] takes fewer requests than reading one by one.
    pub batch: bool,
    /// Reads may create leases; [`Vault::renew`] and [`Vault::release`] work.
    pub dynamic: bool,
    /// Reads need a login at a server, which [`Vault::probe`] verifies.
    pub login: bool,
    /// [`Vault::watch`] works.
    pub watch: bool,
}

/// Which state of a secret to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The newest.
    Current,
    /// The one before it, for use during a rotation.
    Previous,
}

impl Stage {
    /// Refuses every state but the current one, for a store that keeps no other. `store` names it.
    ///
    /// # Errors
    ///
    /// `Unsupported` (secret).
    pub fn require_current(self, store: &str) -> Result<(), VaultError> {
        match self {
            Self::Current => Ok(()),
            Self::Previous => Err(VaultError::secret(
                ErrorKind::Unsupported,
                format!("{store} keeps no previous state of a secret; read the current one"),
            )),
        }
    }
}

/// What must be stored for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Anything or nothing: whatever is stored is replaced.
    Any,
    /// No secret; a deleted one counts as absent.
    Absent,
    /// Exactly this version.
    Version(Version),
}

/// One read of a [`Vault::read_many`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRequest {
    /// The secret.
    pub path: SecretPath,
    /// The fields to read.
    pub fields: Vec<FieldName>,
}

/// Where the next page of a listing begins: an opaque string that the backend made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken(pub String);

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Paths of secrets that exist, in the store's order. No path is listed twice over all pages.
    pub paths: Vec<SecretPath>,
    /// The token of the next page; `None` on the last one.
    pub next: Option<PageToken>,
}

impl Page {
    /// The only page of a store that returns all its `paths` at once: those at and below `prefix`, sorted, each once.
    pub fn of_all(paths: impl IntoIterator<Item = SecretPath>, prefix: Option<&SecretPath>) -> Self {
        let is_listed = |path: &SecretPath| prefix.is_none_or(|prefix| path.starts_with(prefix));
        let paths: BTreeSet<SecretPath> = paths.into_iter().filter(is_listed).collect();
        Self { paths: paths.into_iter().collect(), next: None }
    }
}

/// One physically separate store of secrets.
///
/// Every call is one attempt: without retries, cache or timeout of its own. A caller may drop the future at any await
/// point, and the vault stays usable. Nothing here prints a secret, the implementation's `Debug` included.
pub trait Vault: fmt::Debug + Send + Sync {
    /// The vault's description. Constant, and returned without access to the store.
    fn info(&self) -> &VaultInfo;

    /// Reads `fields` of the secret at `path`.
    ///
    /// The result holds all of `fields`, an empty string too if the store can hold one. If `fields` is empty, the result
    /// holds every field of the secret, for a caller that shows or changes a secret as a whole. A vault without the
    /// capability `list` does not know their names, and returns no field then, whether or not the secret exists.
    ///
    /// [`Stage::Previous`] reads the state before the current one.
    ///
    /// # Errors
    ///
    /// `NotFound` (secret) for an absent or deleted secret, for one that lacks a field, and for a previous state that does
    /// not exist; `Unsupported` (secret) for a previous state without the capability; every other kind as
    /// [`ErrorKind`](crate::ErrorKind) describes it.
    fn read<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a [FieldName],
        stage: Stage,
    ) -> BoxFuture<'a, Result<Secret, VaultError>>;

    /// Whether a read of `path` creates a lease. Such a read is not repeated after a lost response, because the first one
    /// may have created a lease. By default every read of a `dynamic` store does; a store that also has other secrets
    /// overrides this.
    fn creates_lease(&self, path: &SecretPath) -> bool {
        let _ = path;
        self.info().capabilities.dynamic
    }

    /// Reads the current state of several secrets. Returns one result for each of `requests`, in their order.
    ///
    /// A failure of one secret does not fail the others. By default this reads one by one, for stores without batches.
    fn read_many<'a>(
        &'a self,
        requests: &'a [ReadRequest],
    ) -> BoxFuture<'a, Vec<Result<Secret, VaultError>>> {
        Box::pin(async move {
            let mut results = Vec::with_capacity(requests.len());
            for request in requests {
                results.push(self.read(&request.path, &request.fields, Stage::Current).await);
            }
            results
        })
    }

    /// Replaces the whole secret at `path` with `fields` if `expect` holds, and returns the new version.
    ///
    /// Fields that are not in `fields` are removed. A deleted secret counts as absent. By default the store is read-only.
    ///
    /// # Errors
    ///
    /// `Conflict` if `expect` does not hold: nothing was written. `ReadOnly` without the capability. After any other error
    /// it is unknown whether the write happened; read the secret to find out.
    fn write<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a SecretFields,
        expect: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>> {
        let _ = (path, fields, expect);
        Box::pin(async { Err(read_only(self.info())) })
    }

    /// Deletes the secret at `path` if `expect` holds. Deleting an absent secret succeeds with [`Expect::Any`]. By default
    /// the store is read-only.
    ///
    /// # Errors
    ///
    /// As [`Vault::write`].
    fn delete<'a>(&'a self, path: &'a SecretPath, expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        let _ = (path, expect);
        Box::pin(async { Err(read_only(self.info())) })
    }

    /// Lists the secrets at and below `prefix`, or all, one page at a time. `after` is the `next` of the page before. By
    /// default the store cannot be listed.
    ///
    /// # Errors
    ///
    /// `Unsupported` (secret) without the capability.
    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        let _ = (prefix, after);
        Box::pin(async { Err(not_listed(self.info())) })
    }

    /// Extends a lease, and returns it as it is then.
    ///
    /// # Errors
    ///
    /// `Unsupported` (secret) if the store has no leases; `NotFound` (secret) if this one has ended.
    fn renew<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Lease, VaultError>> {
        let _ = lease;
        Box::pin(async { Err(no_leases()) })
    }

    /// Revokes a lease. Revoking one that has ended succeeds.
    ///
    /// # Errors
    ///
    /// `Unsupported` (secret) if the store has no leases.
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), VaultError>> {
        let _ = lease;
        Box::pin(async { Err(no_leases()) })
    }

    /// Watches the store for changes until the first error, which is the last item. By default the store cannot be watched.
    ///
    /// The watch is live from its first item on, which is [`Change::None`] unless changes may have been missed before. From
    /// then on, each change of a secret leads to an item, whoever made it, and a read that begins after the item sees the
    /// change. An item may report a secret that did not change. While nothing changes, there is a [`Change::None`] at least
    /// once in [`MAX_SILENCE`](crate::MAX_SILENCE).
    ///
    /// One item is bounded in memory, and nothing is buffered beyond it: a caller that takes no items slows the store down.
    /// A watch is one attempt as every call is, and does not resume after a failure; a later watch may report what was
    /// missed in between. Dropping the stream ends it.
    ///
    /// # Errors
    ///
    /// `Unsupported` (secret) without the capability; `Denied` (secret) if the login may read secrets but not watch them.
    fn watch(&self) -> BoxStream<'_, Result<Change, VaultError>> {
        let message = format!("{} cannot be watched", self.info().location);
        Box::pin(once(ready(Err(VaultError::secret(ErrorKind::Unsupported, message)))))
    }

    /// Checks cheaply whether the vault can be reached and accepts our login. Reads no secret, and creates nothing.
    ///
    /// # Errors
    ///
    /// Those of a read that are not about one secret, always with scope vault.
    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>>;

    /// The resource that the store's access rules name for `path`; `None`, as by default, if it has no such rules.
    fn resource(&self, path: &SecretPath) -> Option<String> {
        let _ = path;
        None
    }

    /// Diagnoses the vault for an operator, more closely than [`Vault::probe`]: whether this login may do what reading
    /// `needs` takes, whether it may do more, who else can reach the files that the settings name, what ends soon. Nothing
    /// by default.
    ///
    /// `foreign` are [resources](Vault::resource) of other vaults, which this vault should not be able to read. The call
    /// changes nothing and reads no secret: whether each secret is there is for the caller to check. It ends if the vault
    /// is down too, with what could be found; that the vault is down is reported by [`Vault::probe`]. A question that
    /// the store does not answer is a warning, never a check that passed.
    ///
    /// A diagnostic about one secret has its path as the key. Each diagnostic is added to `found` when it is made, and
    /// those that need no network come first, so that a caller whose timeout ends keeps what was found until then.
    fn diagnose<'a>(
        &'a self,
        needs: &'a [SecretPath],
        foreign: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        let _ = (needs, foreign, found);
        Box::pin(async {})
    }

    /// Releases what the vault holds (logins, leases, connections). Called once, at shutdown.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// The error of a change of a store that is read-only.
pub(crate) fn read_only(info: &VaultInfo) -> VaultError {
    let message = format!("{} is read-only; change the secret at its source", info.location);
    VaultError::secret(ErrorKind::ReadOnly, message)
}

/// The error of a listing of a store that cannot be listed.
pub(crate) fn not_listed(info: &VaultInfo) -> VaultError {
    let message = format!("{} cannot be listed; name the secret", info.location);
    VaultError::secret(ErrorKind::Unsupported, message)
}

fn no_leases() -> VaultError {
    VaultError::secret(ErrorKind::Unsupported, "this store has no leases")
}
