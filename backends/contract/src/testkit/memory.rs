//! `MemoryVault::new("notes")` is a vault with every capability, in memory.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::Instant;

use super::fields;
use super::watches::Watches;
use crate::{
    BoxFuture, BoxStream, Capabilities, Change, ErrorKind, Expect, FieldName, Lease, Page, PageToken,
    ReadRequest, Secret, SecretFields, SecretPath, Stage, Vault, VaultError, VaultInfo, Version,
};

/// How many paths a page of a listing holds. Few, so that every test of a listing has several pages.
const PAGE_PATHS: usize = 3;

/// How many requests of each kind a [`MemoryVault`] has received. A `read_many` is one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)] // each is the count of the call of that name
pub struct Requests {
    pub read: u64,
    pub read_many: u64,
    pub write: u64,
    pub delete: u64,
    pub list: u64,
    pub renew: u64,
    pub release: u64,
    pub probe: u64,
    pub close: u64,
}

/// A vault with every capability. A clone is another handle to the same store.
///
/// It responds at once, without yielding to the runtime. Wrap it in [`Faults`](super::Faults) for delays.
#[derive(Clone)]
pub struct MemoryVault {
    info: VaultInfo,
    store: Arc<Mutex<Store>>,
    watches: Arc<Watches>,
}

#[derive(Default)]
struct Store {
    secrets: BTreeMap<SecretPath, Entry>,
    dynamic: HashMap<SecretPath, Duration>,
    leases: HashMap<String, Grant>,
    max_lease: Option<Duration>,
    valid_for: Option<Duration>,
    /// Counts up over all paths, so that no version and no lease is used twice.
    last_number: u64,
    requests: Requests,
}

struct Entry {
    current: State,
    previous: Option<State>,
}

#[derive(Clone)]
struct State {
    fields: SecretFields,
    version: Version,
}

struct Grant {
    duration: Duration,
    ends: Instant,
    /// No renewal extends the lease beyond this.
    limit: Option<Instant>,
}

impl MemoryVault {
    /// An empty vault with `name` in its location.
    pub fn new(name: &str) -> Self {
        Self {
            info: VaultInfo {
                sources: Vec::new(),
                backend: "memory",
                location: format!("memory:{name}"),
                capabilities: Capabilities {
                    write: true,
                    list: true,
                    cas: true,
                    previous: true,
                    batch: true,
                    dynamic: true,
                    login: false,
                    watch: true,
                },
            },
            store: Arc::default(),
            watches: Arc::default(),
        }
    }

    /// Writes a secret without counting a request, and returns its version.
    ///
    /// # Panics
    ///
    /// If `at` is not a path, or a name is not a field name.
    pub fn put<'a>(&self, at: &str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Version {
        let at = super::path(at);
        let version = self.lock().replace(&at, &fields(pairs));
        self.report(Change::Secret(at));
        version
    }

    /// Deletes a secret without counting a request.
    ///
    /// # Panics
    ///
    /// If `at` is not a path.
    pub fn remove(&self, at: &str) {
        let at = super::path(at);
        self.lock().secrets.remove(&at);
        self.report(Change::Secret(at));
    }

    /// From now on, reads return secrets that are valid for `ttl`; `None`, the default, sets no end.
    pub fn set_valid_for(&self, ttl: Option<Duration>) {
        self.lock().valid_for = ttl;
    }

    /// From now on, each read of `path` creates a credential of its own, with a lease of `duration` and all requested fields.
    pub fn serve_dynamic(&self, path: &SecretPath, duration: Duration) {
        self.lock().dynamic.insert(path.clone(), duration);
    }

    /// From now on, no lease lasts longer than `max`, however often it is renewed. A lease that lasts that long from the
    /// start is not renewable.
    pub fn limit_leases(&self, max: Duration) {
        self.lock().max_lease = Some(max);
    }

    /// Ends every lease without notice to its holder.
    pub fn revoke_leases(&self) {
        self.lock().leases.clear();
    }

    /// Whether `lease` has not ended.
    pub fn is_running(&self, lease: &Lease) -> bool {
        self.lock().leases.get(&lease.id).is_some_and(|grant| grant.ends > Instant::now())
    }

    /// How many leases have not ended.
    pub fn leases(&self) -> usize {
        let now = Instant::now();
        self.lock().leases.values().filter(|grant| grant.ends > now).count()
    }

    /// Makes every watch that is live report `change`, true or not.
    pub fn report(&self, change: Change) {
        self.watches.report(change);
    }

    /// Breaks every watch that is live.
    pub fn break_watches(&self) {
        self.watches.break_all();
    }

    /// Makes every watch that is live silent: it reports nothing any more, and does not end.
    pub fn hush_watches(&self) {
        self.watches.hush();
    }

    /// How many watches are open.
    pub fn watches(&self) -> usize {
        self.watches.count()
    }

    /// The requests to this store so far, through all its handles.
    pub fn requests(&self) -> Requests {
        self.lock().requests
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn read(&mut self, path: &SecretPath, names: &[FieldName], stage: Stage) -> Result<Secret, VaultError> {
        if stage == Stage::Current
            && let Some(&duration) = self.dynamic.get(path)
        {
            return Ok(self.grant(names, duration));
        }
        let state = match (self.secrets.get(path), stage) {
            (Some(entry), Stage::Current) => &entry.current,
            (Some(Entry { previous: Some(previous), .. }), Stage::Previous) => previous,
            (Some(_), Stage::Previous) => {
                return Err(not_found(format!("{path} has no previous state")));
            }
            (None, _) => return Err(not_found(format!("the secret {path} does not exist; write it"))),
        };
        let mut found = if names.is_empty() { state.fields.clone() } else { SecretFields::new() };
        for name in names {
            let value = state
                .fields
                .get(name)
                .ok_or_else(|| not_found(format!("the secret {path} has no field {name}; add it")))?;
            found.insert(name.clone(), value.clone());
        }
        Ok(Secret { fields: found, version: state.version.clone(), valid_for: self.valid_for, lease: None })
    }

    fn grant(&mut self, names: &[FieldName], duration: Duration) -> Secret {
        let number = self.number();
        let id = format!("lease-{number}");
        let now = Instant::now();
        let limit = self.max_lease.map(|max| now + max);
        let renewable = self.max_lease.is_none_or(|max| max > duration);
        self.leases.insert(id.clone(), Grant { duration, ends: now + duration, limit });
        Secret {
            fields: names.iter().map(|n| (n.clone(), SecretString::from(format!("{n}-{number}")))).collect(),
            version: Version::new(number.to_string()),
            valid_for: Some(duration),
            lease: Some(Lease { id, duration, renewable }),
        }
    }

    fn check(&self, path: &SecretPath, expect: &Expect) -> Result<(), VaultError> {
        let now = self.secrets.get(path).map(|entry| &entry.current.version);
        let holds = match expect {
            Expect::Any => true,
            Expect::Absent => now.is_none(),
            Expect::Version(version) => now == Some(version),
        };
        let found = || now.map_or_else(|| "absent".to_owned(), |version| format!("at version {version}"));
        holds.then_some(()).ok_or_else(|| {
            let message = format!("{path} is {}; read it again before changing it", found());
            VaultError::secret(ErrorKind::Conflict, message)
        })
    }

    fn replace(&mut self, path: &SecretPath, fields: &SecretFields) -> Version {
        let version = Version::new(self.number().to_string());
        let current = State { fields: fields.clone(), version: version.clone() };
        let previous = self.secrets.remove(path).map(|entry| entry.current);
        self.secrets.insert(path.clone(), Entry { current, previous });
        version
    }

    fn page(&self, prefix: Option<&SecretPath>, after: Option<&PageToken>) -> Page {
        let mut rest = self
            .secrets
            .keys()
            .filter(|path| prefix.is_none_or(|prefix| path.starts_with(prefix)))
            .filter(|path| after.is_none_or(|after| path.as_str() > after.0.as_str()))
            .cloned();
        let paths: Vec<_> = rest.by_ref().take(PAGE_PATHS).collect();
        let next = rest.next().and(paths.last()).map(|last| PageToken(last.to_string()));
        Page { paths, next }
    }

    fn renew(&mut self, lease: &Lease) -> Result<Lease, VaultError> {
        let now = Instant::now();
        let grant = self.leases.get_mut(&lease.id).filter(|grant| grant.ends > now);
        let grant =
            grant.ok_or_else(|| not_found("the lease has ended; read the secret again".to_owned()))?;
        let ends = now + grant.duration;
        grant.ends = grant.limit.map_or(ends, |limit| limit.min(ends));
        Ok(Lease { id: lease.id.clone(), duration: grant.ends - now, renewable: true })
    }
}

fn not_found(message: String) -> VaultError {
    VaultError::secret(ErrorKind::NotFound, message)
}

impl Vault for MemoryVault {
    fn info(&self) -> &VaultInfo {
        &self.info
    }

    fn read<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a [FieldName],
        stage: Stage,
    ) -> BoxFuture<'a, Result<Secret, VaultError>> {
        Box::pin(async move {
            let mut store = self.lock();
            store.requests.read += 1;
            store.read(path, fields, stage)
        })
    }

    fn creates_lease(&self, path: &SecretPath) -> bool {
        self.lock().dynamic.contains_key(path)
    }

    fn read_many<'a>(
        &'a self,
        requests: &'a [ReadRequest],
    ) -> BoxFuture<'a, Vec<Result<Secret, VaultError>>> {
        Box::pin(async move {
            let mut store = self.lock();
            store.requests.read_many += 1;
            requests
                .iter()
                .map(|request| store.read(&request.path, &request.fields, Stage::Current))
                .collect()
        })
    }

    fn write<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a SecretFields,
        expect: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>> {
        Box::pin(async move {
            let mut store = self.lock();
            store.requests.write += 1;
            store.check(path, &expect)?;
            let version = store.replace(path, fields);
            drop(store);
            self.report(Change::Secret(path.clone()));
            Ok(version)
        })
    }

    fn delete<'a>(&'a self, path: &'a SecretPath, expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async move {
            let mut store = self.lock();
            store.requests.delete += 1;
            store.check(path, &expect)?;
            store.secrets.remove(path);
            drop(store);
            self.report(Change::Secret(path.clone()));
            Ok(())
        })
    }

    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(async move {
            let mut store = self.lock();
            store.requests.list += 1;
            Ok(store.page(prefix, after))
        })
    }

    fn renew<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Lease, VaultError>> {
        Box::pin(async move {
            let mut store = self.lock();
            store.requests.renew += 1;
            store.renew(lease)
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async move {
            let mut store = self.lock();
            store.requests.release += 1;
            store.leases.remove(&lease.id);
            Ok(())
        })
    }

    fn watch(&self) -> BoxStream<'_, Result<Change, VaultError>> {
        self.watches.open()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(async move {
            self.lock().requests.probe += 1;
            Ok(())
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut store = self.lock();
            store.requests.close += 1;
            store.leases.clear();
        })
    }
}

impl fmt::Debug for MemoryVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryVault").field("location", &self.info.location).finish_non_exhaustive()
    }
}
