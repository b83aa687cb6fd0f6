//! The keychains of macOS and Windows, through the crate `keyring-core` and its stores.
//!
//! Compiled, and never run against the real stores.

use std::collections::HashMap;
use std::sync::Arc;

use cofferdam_config::{Diagnostic, Diagnostics, text};
use cofferdam_vault::{ErrorKind, SecretPath, Threads, VaultError};
use keyring_core::api::CredentialStoreApi as _;
use keyring_core::{Entry, Error};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::content::{Bytes, MAX_BYTES};
use crate::error;

/// The items of one service.
pub(crate) struct Keychain {
    service: Arc<str>,
    threads: Threads,
}

impl Keychain {
    /// Its name in messages.
    pub(crate) const NAME: &'static str = system::NAME;

    /// Whether it can list its items.
    pub(crate) const LISTS: bool = system::LISTS;

    /// The keychain of these settings.
    pub(crate) fn new(config: Config, threads: Threads) -> Self {
        Self { service: config.service.into(), threads }
    }

    /// The service of the items.
    pub(crate) fn service(&self) -> &str {
        &self.service
    }

    /// Nothing but the login of the user opens it.
    pub(crate) fn sources(&self) -> Vec<String> {
        Vec::new()
    }

    /// The content of the item of `path`, if there is one.
    pub(crate) async fn read(&self, path: &SecretPath) -> Result<Option<Bytes>, VaultError> {
        self.run(path, |path, entry| match entry.get_secret().map(Zeroizing::new) {
            Ok(bytes) if bytes.len() > MAX_BYTES => Err(error::too_large(path, MAX_BYTES)),
            Ok(bytes) => Ok(Some(bytes)),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(of_item(path, &error)),
        })
        .await
    }

    /// Replaces the item of `path`, or creates it.
    pub(crate) async fn write(&self, path: &SecretPath, bytes: Bytes) -> Result<(), VaultError> {
        self.run(path, move |path, entry| entry.set_secret(&bytes).map_err(|error| of_item(path, &error)))
            .await
    }

    /// Deletes the item of `path`, if there is one.
    pub(crate) async fn delete(&self, path: &SecretPath) -> Result<(), VaultError> {
        self.run(path, |path, entry| match entry.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(of_item(path, &error)),
        })
        .await
    }

    /// The usernames of all items.
    pub(crate) async fn usernames(&self) -> Result<Vec<String>, VaultError> {
        let service = Arc::clone(&self.service);
        self.threads.run(move || system::without_dialogs(|store| system::usernames(store, &service))).await
    }

    /// Checks that the store can be used. It has no cheap question that is not about an item.
    pub(crate) async fn probe(&self) -> Result<(), VaultError> {
        self.threads.run(|| system::without_dialogs(|_| Ok(()))).await
    }

    /// Says that this was never run, and who else can read the items.
    pub(crate) async fn diagnose(&self, found: &mut Diagnostics) {
        let message = text!("the backend `keychain` was never verified with the {}", Self::NAME);
        let help = "report what works and what does not";
        found.push(Diagnostic::warning("", message, help));
        found.push(Diagnostic::info("", system::READERS));
    }

    /// There is nothing to give back.
    pub(crate) async fn close(&self) {}

    /// Runs `work` with the item of `path` on a thread of the vault.
    async fn run<T: Send + 'static>(
        &self,
        path: &SecretPath,
        work: impl FnOnce(&SecretPath, &Entry) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let (service, path) = (Arc::clone(&self.service), path.clone());
        let work = move || {
            system::without_dialogs(|store| {
                let modifiers = HashMap::from_iter(system::MODIFIERS.iter().copied());
                let entry = store.build(&service, path.as_str(), Some(&modifiers));
                work(&path, &entry.map_err(|error| of_item(&path, &error))?)
            })
        };
        self.threads.run(work).await
    }
}

/// The error of a call about the item of `path`. No text of the system's is part of it.
fn of_item(path: &SecretPath, error: &Error) -> VaultError {
    match error {
        Error::TooLong(_, max_bytes) => {
            error::too_large(path, usize::try_from(*max_bytes).unwrap_or(MAX_BYTES))
        }
        Error::NoStorageAccess(_) => error::secret(
            ErrorKind::Denied,
            path,
            "cannot be used by this program; store it again with `cofferdam secret set`",
        ),
        error => system::of_store(path, error),
    }
}

#[cfg(target_os = "macos")]
mod system {
    use std::collections::HashMap;
    use std::sync::Arc;

    use apple_native_keyring_store::keychain::Store;
    use cofferdam_vault::{ErrorKind, SecretPath, VaultError};
    use keyring_core::Error;
    use keyring_core::api::CredentialStoreApi as _;
    use security_framework::os::macos::keychain::SecKeychain;

    use crate::error;

    pub(super) const NAME: &str = "macOS Keychain";
    pub(super) const LISTS: bool = true;
    pub(super) const MODIFIERS: &[(&str, &str)] = &[];
    pub(super) const READERS: &str = "while the keychain is unlocked, the programs that an item's access list names can read it \
                                      without a question";

    /// `errSecInteractionNotAllowed`: the system would have asked a person.
    const INTERACTION_NOT_ALLOWED: i32 = -25308;
    /// `errSecAuthFailed`: a person, or a rule, has refused.
    const AUTH_FAILED: i32 = -25293;

    /// Runs `work` while the system shows no dialog for this process: it returns an error instead.
    pub(super) fn without_dialogs<T>(
        work: impl FnOnce(&Arc<Store>) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let _no_dialogs = SecKeychain::disable_user_interaction().map_err(|_| unavailable())?;
        work(&Store::new().map_err(|_| unavailable())?)
    }

    pub(super) fn usernames(store: &Arc<Store>, service: &str) -> Result<Vec<String>, VaultError> {
        let found = store.search(&HashMap::from([("service", service)])).map_err(|_| unavailable())?;
        Ok(found.iter().filter_map(|entry| Some(entry.get_specifiers()?.1)).collect())
    }

    pub(super) fn of_store(path: &SecretPath, error: &Error) -> VaultError {
        let Error::PlatformFailure(cause) = error else { return unavailable() };
        match cause.downcast_ref::<security_framework::base::Error>().map(|error| error.code()) {
            Some(INTERACTION_NOT_ALLOWED | AUTH_FAILED) => {
                let message = format!(
                    "the keychain is locked, or the item of {path} was stored by another program; unlock the keychain in \
                     Keychain Access, and store the item with this program: `cofferdam secret set`"
                );
                VaultError::vault(ErrorKind::Unavailable, message)
            }
            _ => error::secret(ErrorKind::Malformed, path, "cannot be used; check it in Keychain Access"),
        }
    }

    fn unavailable() -> VaultError {
        let message = "the login keychain cannot be used; log in, and unlock it in Keychain Access";
        VaultError::vault(ErrorKind::Unavailable, message)
    }
}

#[cfg(windows)]
mod system {
    use std::sync::Arc;

    use cofferdam_vault::{ErrorKind, SecretPath, VaultError};
    use keyring_core::Error;
    use windows_native_keyring_store::Store;

    use crate::error;

    pub(super) const NAME: &str = "Windows Credential Manager";
    pub(super) const LISTS: bool = false;
    /// The default, `Enterprise`, would send the items to other machines of the user.
    pub(super) const MODIFIERS: &[(&str, &str)] = &[("persistence", "Local")];
    pub(super) const READERS: &str = "every program of this user can read the items";

    /// Runs `work`: the system has no dialogs.
    pub(super) fn without_dialogs<T>(
        work: impl FnOnce(&Arc<Store>) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        work(&Store::new().map_err(|_| unavailable())?)
    }

    pub(super) fn usernames(_: &Arc<Store>, _: &str) -> Result<Vec<String>, VaultError> {
        let message = "items of the Credential Manager are not listed; look at them with `cmdkey /list`";
        Err(VaultError::secret(ErrorKind::Unsupported, message))
    }

    pub(super) fn of_store(path: &SecretPath, error: &Error) -> VaultError {
        match error {
            Error::PlatformFailure(_) => error::secret(
                ErrorKind::Malformed,
                path,
                "cannot be used; check it in the Credential Manager",
            ),
            _ => unavailable(),
        }
    }

    fn unavailable() -> VaultError {
        let message = "the Credential Manager cannot be used; log in to a session of this user";
        VaultError::vault(ErrorKind::Unavailable, message)
    }
}
