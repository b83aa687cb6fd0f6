//! A program that provides a Secret Service by a script: for replies that GNOME Keyring never gives.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use zbus::message::Type;
use zbus::{Connection, MessageStream, ObjectPath, Variant};

use super::fixture::Session;

/// What the daemon does other than a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Oddity {
    /// It stores and deletes only after a person has confirmed it.
    Confirms,
    /// It locks the item and not the keychain.
    LocksItems,
    /// It has no default keychain.
    NoDefault,
    /// It offers no encryption.
    Plain,
    /// Its public key is 1, so that everyone knows the key.
    KnownKey,
    /// It returns values of other types.
    Garbage,
    /// It refuses every program.
    Denies,
    /// Its errors have names and texts of its own.
    OwnErrors,
}

/// The names of the methods that were called.
pub(crate) type Calls = Arc<std::sync::Mutex<Vec<String>>>;

/// Takes the place of the session's daemon, which is killed.
pub(crate) async fn replace(session: &Session, oddity: Oddity) -> (Connection, Calls) {
    session.process(|service| service.kill_daemon());
    let bus = session.connect().await;
    let mut messages = MessageStream::from(&bus);
    bus.request_name("org.freedesktop.secrets").await.unwrap();
    let (answering, calls) = (bus.clone(), Calls::default());
    let seen = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Some(Ok(message)) = messages.next().await {
            if message.message_type() == Type::MethodCall {
                let method = message.header().member().unwrap().to_string();
                seen.lock().unwrap().push(method.clone());
                reply(&answering, &message, &method, oddity).await;
            }
        }
    });
    (bus, calls)
}

fn object(path: &'static str) -> ObjectPath<'static> {
    ObjectPath::try_from(path).unwrap()
}

async fn reply(bus: &Connection, call: &zbus::Message, method: &str, oddity: Oddity) {
    let header = call.header();
    let error = async |name: &str| bus.reply_error(&header, name, &("canary in a text",)).await;
    let prompt = if oddity == Oddity::Confirms { object("/prompt/1") } else { object("/") };
    // A reply is lost if the caller has gone.
    let _ = match (method, oddity) {
        (_, Oddity::Denies) => error("org.freedesktop.DBus.Error.AccessDenied").await,
        ("OpenSession", Oddity::Plain) => error("org.freedesktop.DBus.Error.NotSupported").await,
        ("OpenSession", Oddity::KnownKey) => {
            bus.reply(&header, &(Variant::from(vec![1_u8]), object("/session"))).await
        }
        // The generator itself: a private key of 1.
        ("OpenSession", _) => bus.reply(&header, &(Variant::from(vec![2_u8]), object("/session"))).await,
        ("ReadAlias", Oddity::NoDefault) => bus.reply(&header, &object("/")).await,
        ("ReadAlias", _) => bus.reply(&header, &object("/collection")).await,
        ("Get", Oddity::Garbage) => bus.reply(&header, &Variant::from("canary")).await,
        ("Get", _) => bus.reply(&header, &Variant::from(false)).await,
        ("SearchItems", Oddity::OwnErrors) => error("com.example.OwnError").await,
        ("SearchItems", Oddity::Confirms) if wants_nothing(call) => {
            bus.reply(&header, &Vec::<ObjectPath<'_>>::new()).await
        }
        ("SearchItems", _) => bus.reply(&header, &vec![object("/collection/1")]).await,
        ("GetSecret" | "SetSecret", Oddity::LocksItems) => {
            error("org.freedesktop.Secret.Error.IsLocked").await
        }
        ("CreateItem", _) => bus.reply(&header, &(object("/"), prompt)).await,
        ("Delete", _) => bus.reply(&header, &prompt).await,
        ("Dismiss", _) => bus.reply(&header, &()).await,
        _ => error("org.freedesktop.DBus.Error.UnknownMethod").await,
    };
}

/// Whether the search is for an item that is to be created.
fn wants_nothing(call: &zbus::Message) -> bool {
    let body = call.body();
    let attributes: HashMap<String, String> = body.deserialize().unwrap();
    attributes.get("username").is_some_and(|username| username.starts_with("new/"))
}
