//! The operations of the vault, and the connections that they share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cofferdam_config::{Diagnostic, Diagnostics, Text, text};
use cofferdam_vault::{Scope, SecretPath, Threads, VaultError};

use super::collection::Collection;
use super::connection::Connection;
use super::location::BusLocation;
use crate::config::Config;
use crate::content::Bytes;

/// The most connections that are kept for further calls.
const MAX_IDLE: usize = 4;

/// The items of one service in the default collection.
pub(crate) struct Keychain {
    service: String,
    bus: BusLocation,
    /// Where keys are computed.
    threads: Threads,
    /// Connections that no call uses; `None` once the vault is closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Keychain {
    /// Its name in messages.
    pub(crate) const NAME: &'static str = "Secret Service";

    /// Whether it can list its items.
    pub(crate) const LISTS: bool = true;

    /// The keychain of these settings. Connects to nothing.
    pub(crate) fn new(config: Config, threads: Threads) -> Self {
        let bus = BusLocation::find(config.bus_address.as_deref());
        Self { service: config.service, bus, threads, idle: Mutex::new(Some(Vec::new())) }
    }

    /// The service of the items.
    pub(crate) fn service(&self) -> &str {
        &self.service
    }

    /// What of the environment names the bus, and so opens the keychain.
    pub(crate) fn sources(&self) -> Vec<String> {
        self.bus.source().map(str::to_owned).into_iter().collect()
    }

    /// The content of the item of `path`, if there is one.
    pub(crate) async fn read(&self, path: &SecretPath) -> Result<Option<Bytes>, VaultError> {
        self.with_collection(async |collection| collection.read(&self.service, path).await).await
    }

    /// Replaces the item of `path`, or creates it.
    pub(crate) async fn write(&self, path: &SecretPath, bytes: Bytes) -> Result<(), VaultError> {
        self.with_collection(async |collection| collection.write(&self.service, path, &bytes).await).await
    }

    /// Deletes the item of `path`, if there is one.
    pub(crate) async fn delete(&self, path: &SecretPath) -> Result<(), VaultError> {
        self.with_collection(async |collection| collection.delete(&self.service, path).await).await
    }

    /// The usernames of all items.
    pub(crate) async fn usernames(&self) -> Result<Vec<String>, VaultError> {
        self.with_collection(async |collection| collection.usernames(&self.service).await).await
    }

    /// Checks that the keychain is there and unlocked.
    pub(crate) async fn probe(&self) -> Result<(), VaultError> {
        self.with_collection(async |_| Ok(())).await
    }

    /// Diagnoses which bus is used, and who else can read the items. Whether the keychain is locked is reported by the
    /// probe.
    pub(crate) async fn diagnose(&self, found: &mut Diagnostics) {
        let Ok(address) = self.bus.address() else { return };
        let readers = "while the keychain is unlocked, every program of this user that can use the session bus can read \
                       the items";
        // The address of a socket, which was checked.
        found.push(Diagnostic::info("", text!("the session bus is {}", Text::unchecked(address))));
        found.push(Diagnostic::info("", readers));
    }

    /// Ends all connections.
    pub(crate) async fn close(&self) {
        *self.idle() = None;
    }

    /// Runs `work` on the unlocked default collection.
    ///
    /// If this is dropped, or the vault fails, the connection ends: a message may have been sent in part, or the daemon may
    /// hang.
    async fn with_collection<T>(
        &self,
        work: impl AsyncFnOnce(&Collection) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let collection = self.collection().await?;
        let result = work(&collection).await;
        if !result.as_ref().is_err_and(|error| error.scope() == Scope::Vault) {
            self.keep(collection.into_connection());
        }
        result
    }

    async fn collection(&self) -> Result<Collection, VaultError> {
        let idle = self.idle().as_mut().and_then(Vec::pop);
        if let Some(connection) = idle
            && let Ok(collection) = Collection::open(connection).await
        {
            return Ok(collection);
        }
        // Without an idle connection, this does nothing. With one, the bus or the daemon may have been restarted since it
        // was used, and then the others cannot be used either.
        if let Some(idle) = self.idle().as_mut() {
            idle.clear();
        }
        Collection::open(Connection::open(self.bus.address()?, &self.threads).await?).await
    }

    fn keep(&self, connection: Connection) {
        if let Some(idle) = self.idle().as_mut()
            && idle.len() < MAX_IDLE
        {
            idle.push(connection);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
