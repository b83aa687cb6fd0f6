//! One connection to the daemon.

use cofferdam_vault::{Threads, VaultError};
use serde::Serialize;
use zbus::names::OwnedUniqueName;
use zbus::{DynamicType, Message, OwnedObjectPath, OwnedVariant, Variant};

use super::encryption::{ALGORITHM, KeyExchange, SessionKey};
use super::failure::{self, Failure};
use crate::bus_address::BusAddress;
use crate::content::{Bytes, MAX_BYTES};

const SERVICE_NAME: &str = "org.freedesktop.secrets";
const SERVICE_PATH: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// A secret as the daemon sends and takes it: session, parameters of the encryption, value, content type.
pub(crate) type WireSecret = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

/// A connection to the bus, and a session with the daemon. Both end when it is dropped.
///
/// Calls go to the daemon that opened the session, not to whichever program has its well-known name later: another one
/// would not know the session.
pub(crate) struct Connection {
    bus: zbus::Connection,
    daemon: OwnedUniqueName,
    session: OwnedObjectPath,
    key: SessionKey,
}

impl Connection {
    /// Connects to the bus and opens a session. The bus starts a daemon if it knows one, which does not unlock anything.
    pub(crate) async fn open(address: &BusAddress, threads: &Threads) -> Result<Self, VaultError> {
        let exchange = threads.run(|| KeyExchange::new().ok_or_else(failure::no_random_bytes)).await?;
        let builder = zbus::connection::Builder::address(address.as_str());
        let bus = builder.build().await.map_err(|error| failure::of_connecting(&error, address))?;
        let arguments = (ALGORITHM, Variant::from(exchange.public_key()));
        let reply = bus
            .call_method(Some(SERVICE_NAME), SERVICE_PATH, Some(SERVICE), "OpenSession", &arguments)
            .await
            .map_err(|error| Failure::from(error).of_vault())?;
        let daemon = reply.header().sender().cloned().ok_or_else(|| failure::unexpected(""))?.into();
        let (theirs, session): (OwnedVariant, OwnedObjectPath) = body(&reply)?;
        let theirs: Vec<u8> = theirs.try_into().map_err(|_| failure::unexpected(""))?;
        let agree = move || exchange.agree(&theirs).ok_or_else(|| failure::unexpected(""));
        let key = threads.run(agree).await?;
        Ok(Self { bus, daemon, session, key })
    }

    /// Calls a method of the daemon.
    pub(crate) async fn call<B: Serialize + DynamicType>(
        &self,
        object: &OwnedObjectPath,
        interface: &str,
        method: &str,
        arguments: &B,
    ) -> Result<Message, Failure> {
        let destination = Some(self.daemon.as_str());
        Ok(self.bus.call_method(destination, object.as_str(), Some(interface), method, arguments).await?)
    }

    /// Reads a property of an object of the daemon.
    pub(crate) async fn property(
        &self,
        object: &OwnedObjectPath,
        interface: &str,
        name: &str,
    ) -> Result<OwnedVariant, Failure> {
        let reply = self.call(object, PROPERTIES, "Get", &(interface, name)).await?;
        body(&reply).map_err(Failure::Vault)
    }

    /// The default collection; `None` if there is none.
    pub(crate) async fn default_collection(&self) -> Result<Option<OwnedObjectPath>, VaultError> {
        let service = OwnedObjectPath::try_from(SERVICE_PATH).map_err(|_| failure::unexpected(""))?;
        let reply =
            self.call(&service, SERVICE, "ReadAlias", &("default",)).await.map_err(Failure::of_vault)?;
        let path: OwnedObjectPath = body(&reply)?;
        Ok((path.as_str() != "/").then_some(path))
    }

    /// The path of the session, which a request for a secret needs.
    pub(crate) fn session(&self) -> &OwnedObjectPath {
        &self.session
    }

    /// Encrypts `bytes` for the daemon.
    pub(crate) fn encrypt(&self, bytes: &Bytes) -> Result<WireSecret, VaultError> {
        let (vector, encrypted) = self.key.encrypt(bytes).ok_or_else(failure::no_random_bytes)?;
        Ok((self.session.clone(), vector.to_vec(), encrypted, "text/plain; charset=utf8".to_owned()))
    }

    /// Decrypts what the daemon sent; `None` if it is larger than [`MAX_BYTES`].
    pub(crate) fn decrypt(&self, secret: WireSecret) -> Result<Option<Bytes>, VaultError> {
        let (_, vector, encrypted, _) = secret;
        let bytes = self.key.decrypt(&vector, encrypted).ok_or_else(|| failure::unexpected(""))?;
        Ok((bytes.len() <= MAX_BYTES).then_some(bytes))
    }
}

/// The arguments of a reply.
pub(crate) fn body<T>(reply: &Message) -> Result<T, VaultError>
where
    T: for<'d> zbus::wire::DynamicDeserialize<'d>,
{
    reply.body().deserialize().map_err(|_| failure::unexpected(""))
}
