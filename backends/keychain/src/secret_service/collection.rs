//! The items of the default collection, while it is unlocked.

use std::collections::HashMap;

use cofferdam_vault::{ErrorKind, SecretPath, VaultError};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use zbus::{OwnedObjectPath, Variant};

use super::connection::{Connection, WireSecret, body};
use super::failure::{self, Failure};
use crate::content::{Bytes, MAX_BYTES};
use crate::error;

const COLLECTION: &str = "org.freedesktop.Secret.Collection";
const ITEM: &str = "org.freedesktop.Secret.Item";
const PROMPT: &str = "org.freedesktop.Secret.Prompt";

/// What the daemon returns in place of a prompt if it needs none, and of an item if it needs one.
const NONE: &str = "/";

/// The schema that `secret-tool` and libsecret use by default, so that their items and ours replace each other.
const SCHEMA: &str = "org.freedesktop.Secret.Generic";

/// How many items are asked for their attributes at once.
const CONCURRENT: usize = 16;

/// The most items of one service that are listed.
const MAX_ITEMS: usize = 10_000;

/// The default collection on one connection.
pub(crate) struct Collection {
    connection: Connection,
    path: OwnedObjectPath,
}

impl Collection {
    /// The default collection.
    ///
    /// # Errors
    ///
    /// `Unavailable` (vault) if there is none, or if it is locked.
    pub(crate) async fn open(connection: Connection) -> Result<Self, VaultError> {
        let path = connection.default_collection().await?.ok_or_else(failure::no_collection)?;
        let collection = Self { connection, path };
        if collection.is_locked().await? { Err(failure::locked()) } else { Ok(collection) }
    }

    /// The connection, for another call.
    pub(crate) fn into_connection(self) -> Connection {
        self.connection
    }

    async fn is_locked(&self) -> Result<bool, VaultError> {
        let locked =
            self.connection.property(&self.path, COLLECTION, "Locked").await.map_err(Failure::of_vault)?;
        locked.try_into().map_err(|_| failure::unexpected(""))
    }

    /// The content of the item of `path`, if there is one.
    pub(crate) async fn read(&self, service: &str, path: &SecretPath) -> Result<Option<Bytes>, VaultError> {
        let Some(item) = self.find(service, path).await? else { return Ok(None) };
        let reply = match self.connection.call(&item, ITEM, "GetSecret", &(self.connection.session(),)).await
        {
            Ok(reply) => reply,
            Err(Failure::Gone) => return Ok(None),
            Err(failure) => return Err(self.error_of_item(path, failure).await),
        };
        let (secret,): (WireSecret,) = body(&reply)?;
        let bytes = self.connection.decrypt(secret)?;
        bytes.map(Some).ok_or_else(|| error::too_large(path, MAX_BYTES))
    }

    /// Replaces the content of the item of `path`, or creates it.
    pub(crate) async fn write(
        &self,
        service: &str,
        path: &SecretPath,
        bytes: &Bytes,
    ) -> Result<(), VaultError> {
        let secret = self.connection.encrypt(bytes)?;
        if let Some(item) = self.find(service, path).await? {
            match self.connection.call(&item, ITEM, "SetSecret", &(&secret,)).await {
                Ok(_) => return Ok(()),
                // Deleted since.
                Err(Failure::Gone) => {}
                Err(failure) => return Err(self.error_of_item(path, failure).await),
            }
        }
        let username = path.as_str();
        let attributes =
            HashMap::from([("service", service), ("username", username), ("xdg:schema", SCHEMA)]);
        let properties = HashMap::from([
            ("org.freedesktop.Secret.Item.Label", Variant::from(format!("{service}: {path}"))),
            ("org.freedesktop.Secret.Item.Attributes", Variant::from(attributes)),
        ]);
        // Of two writers that create it at the same moment, one replaces the item of the other.
        let replace = true;
        let created =
            self.connection.call(&self.path, COLLECTION, "CreateItem", &(properties, secret, replace)).await;
        let reply = created.map_err(Failure::of_vault)?;
        let (_, prompt): (OwnedObjectPath, OwnedObjectPath) = body(&reply)?;
        self.without(prompt, path, "stored").await
    }

    /// Deletes the item of `path`, if there is one.
    pub(crate) async fn delete(&self, service: &str, path: &SecretPath) -> Result<(), VaultError> {
        let Some(item) = self.find(service, path).await? else { return Ok(()) };
        match self.connection.call(&item, ITEM, "Delete", &()).await {
            Ok(reply) => self.without(body(&reply)?, path, "deleted").await,
            Err(Failure::Gone) => Ok(()),
            Err(failure) => Err(self.error_of_item(path, failure).await),
        }
    }

    /// The usernames of all items of `service`.
    pub(crate) async fn usernames(&self, service: &str) -> Result<Vec<String>, VaultError> {
        let items = self.search(HashMap::from([("service", service)])).await?;
        if items.len() > MAX_ITEMS {
            let message = format!(
                "the keychain has more than {MAX_ITEMS} items with the service {service}; divide them between services"
            );
            return Err(VaultError::vault(ErrorKind::Malformed, message));
        }
        let usernames = stream::iter(items).map(|item| self.username(item)).buffered(CONCURRENT);
        usernames.try_filter_map(async |username| Ok(username)).try_collect().await
    }

    async fn username(&self, item: OwnedObjectPath) -> Result<Option<String>, VaultError> {
        let attributes = match self.connection.property(&item, ITEM, "Attributes").await {
            Ok(attributes) => attributes,
            Err(Failure::Gone) => return Ok(None),
            Err(failure) => return Err(failure.of_vault()),
        };
        let mut attributes: HashMap<String, String> =
            attributes.try_into().map_err(|_| failure::unexpected(""))?;
        Ok(attributes.remove("username"))
    }

    /// The item of `path`, if there is one.
    async fn find(&self, service: &str, path: &SecretPath) -> Result<Option<OwnedObjectPath>, VaultError> {
        let attributes = HashMap::from([("service", service), ("username", path.as_str())]);
        let mut items = self.search(attributes).await?;
        match items.len() {
            0 | 1 => Ok(items.pop()),
            several => Err(error::malformed(
                path,
                format_args!(
                    "is not unique: {several} items have its service and username; delete all but one"
                ),
            )),
        }
    }

    async fn search(&self, attributes: HashMap<&str, &str>) -> Result<Vec<OwnedObjectPath>, VaultError> {
        let found = self.connection.call(&self.path, COLLECTION, "SearchItems", &(attributes,)).await;
        body(&found.map_err(Failure::of_vault)?)
    }

    /// Refuses a prompt that the daemon asks for, because a server has nobody to answer it.
    async fn without(
        &self,
        prompt: OwnedObjectPath,
        path: &SecretPath,
        done: &str,
    ) -> Result<(), VaultError> {
        if prompt.as_str() == NONE {
            return Ok(());
        }
        // It ends with the connection, too.
        let _ = self.connection.call(&prompt, PROMPT, "Dismiss", &()).await;
        let what =
            format!("is {done} only after a person confirms it; do it in the program of your keychain");
        Err(error::secret(ErrorKind::Denied, path, what))
    }

    /// The error of a call to the item of `path`.
    async fn error_of_item(&self, path: &SecretPath, failure: Failure) -> VaultError {
        match failure {
            // A daemon may lock single items, until a person allows a program to use them.
            Failure::Locked if matches!(self.is_locked().await, Ok(false)) => error::secret(
                ErrorKind::Denied,
                path,
                "is locked although the keychain is not; allow programs to use it in the program of your keychain",
            ),
            failure => failure.of_vault(),
        }
    }
}
