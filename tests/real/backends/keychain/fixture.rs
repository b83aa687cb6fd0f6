//! A session with GNOME Keyring, and a person who works in it without the backend under test.

use std::collections::HashMap;
use std::io::Write as _;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cofferdam_servers::SecretService;
use cofferdam_vault::testkit::{field, path};
use cofferdam_vault::{
    BackendConfig as _, ExposeSecret as _, SecretFields, Stage, Threads, Vault, VaultContext, VaultError,
};
use cofferdam_vault_keychain::Config;
use futures_util::StreamExt as _;
use zbus::message::Type;
use zbus::{Connection, MessageStream, OwnedObjectPath, OwnedVariant, Variant};

const NAME: &str = "org.freedesktop.secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const SERVICE_PATH: &str = "/org/freedesktop/secrets";

/// The maximum number of threads of a vault.
pub(crate) const THREADS: usize = 4;

pub(crate) struct Session {
    service: Mutex<SecretService>,
    address: String,
    prompts: Arc<AtomicUsize>,
}

impl Session {
    pub(crate) fn start() -> Self {
        let service = SecretService::start().unwrap_or_else(|error| panic!("{error}"));
        let address = service.address();
        Self { service: Mutex::new(service), address, prompts: Arc::default() }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Works on the processes.
    pub(crate) fn process<T>(&self, work: impl FnOnce(&mut SecretService) -> T) -> T {
        work(&mut self.service.lock().unwrap())
    }

    /// A connection of its own to the bus.
    pub(crate) async fn connect(&self) -> Connection {
        connect(&self.address).await
    }

    /// Locks the default keychain.
    pub(crate) fn lock(&self) {
        self.process(|service| service.lock().unwrap());
    }

    /// Unlocks it with its password, as a login does.
    pub(crate) async fn unlock(&self) {
        let bus = self.connect().await;
        let keychain = default_keychain(&bus).await;
        let password =
            (open_session(&bus).await, Vec::<u8>::new(), SecretService::PASSWORD.as_bytes(), "text/plain");
        let internal = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface";
        call(&bus, internal, "UnlockWithMasterPassword", &(keychain, password)).await;
    }

    /// Becomes the program that shows the keychain's dialogs, and counts how often it is asked to.
    pub(crate) async fn watch_prompts(&self) -> Connection {
        let bus = self.connect().await;
        bus.request_name("org.gnome.keyring.SystemPrompter").await.unwrap();
        let (mut calls, prompts) = (MessageStream::from(&bus), Arc::clone(&self.prompts));
        let answering = bus.clone();
        tokio::spawn(async move {
            while let Some(Ok(message)) = calls.next().await {
                if message.message_type() == Type::MethodCall {
                    prompts.fetch_add(1, Ordering::SeqCst);
                    let refused = ("org.gnome.keyring.Prompter.Failed", "nobody is here");
                    let _ = answering.reply_error(&message.header(), refused.0, &(refused.1,)).await;
                }
            }
        });
        bus
    }

    /// How many dialogs were asked for.
    pub(crate) fn prompts(&self) -> usize {
        self.prompts.load(Ordering::SeqCst)
    }

    /// How many connections the bus has, besides the one that asks.
    pub(crate) async fn connections(&self) -> usize {
        let bus = self.connect().await;
        let listed = bus
            .call_method(Some("org.freedesktop.DBus"), "/", Some("org.freedesktop.DBus"), "ListNames", &())
            .await
            .unwrap();
        let names: Vec<String> = listed.body().deserialize().unwrap();
        names.iter().filter(|name| name.starts_with(':')).count() - 1
    }

    /// Runs `secret-tool`, which must succeed unless it looks up or searches.
    pub(crate) fn secret_tool(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = self.process(|service| service.command("secret-tool"));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Creates an item as another program does, without encryption.
    pub(crate) async fn create(&self, attributes: &[(&str, &str)], secret: &[u8]) {
        self.create_item(attributes, secret, false).await;
    }

    /// As [`create`](Self::create), but replaces an item with these attributes.
    pub(crate) async fn replace(&self, attributes: &[(&str, &str)], secret: &[u8]) {
        self.create_item(attributes, secret, true).await;
    }

    async fn create_item(&self, attributes: &[(&str, &str)], secret: &[u8], replace: bool) {
        let bus = self.connect().await;
        let keychain = default_keychain(&bus).await;
        let session = open_session(&bus).await;
        let attributes: HashMap<&str, &str> = attributes.iter().copied().collect();
        let properties = HashMap::from([
            ("org.freedesktop.Secret.Item.Label", Variant::from("by another program")),
            ("org.freedesktop.Secret.Item.Attributes", Variant::from(attributes)),
        ]);
        let secret = (session, Vec::<u8>::new(), secret, "application/octet-stream");
        let arguments = (properties, secret, replace);
        let interface = Some("org.freedesktop.Secret.Collection");
        bus.call_method(Some(NAME), keychain.as_str(), interface, "CreateItem", &arguments).await.unwrap();
    }

    /// Stores an item with `secret-tool`, which takes up to 8 KiB.
    pub(crate) fn store(&self, service: &str, at: &str, input: &[u8]) {
        let output =
            self.secret_tool(&["store", "--label=by hand", "service", service, "username", at], input);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub(crate) fn open(&self, service: &str) -> Arc<dyn Vault> {
        open(&self.address, service, Threads::new("laptop", THREADS))
    }
}

/// Opens a vault on the bus at `address`.
pub(crate) fn open(address: &str, service: &str, threads: Threads) -> Arc<dyn Vault> {
    let config: Config =
        toml::from_str(&format!("service = '{service}'\nbus_address = '{address}'")).unwrap();
    assert!(config.check().is_empty(), "{}", config.check());
    config.into_vault(VaultContext { name: "laptop".to_owned(), base_dir: "/".into(), threads, prompt: None })
}

pub(crate) async fn connect(address: &str) -> Connection {
    zbus::connection::Builder::address(address).build().await.unwrap()
}

/// The path of the default keychain.
pub(crate) async fn default_keychain(bus: &Connection) -> OwnedObjectPath {
    call(bus, SERVICE, "ReadAlias", &("default",)).await.body().deserialize().unwrap()
}

/// A session without encryption. It ends with the connection.
async fn open_session(bus: &Connection) -> OwnedObjectPath {
    let opened = call(bus, SERVICE, "OpenSession", &("plain", Variant::from(""))).await;
    let (_, session): (OwnedVariant, OwnedObjectPath) = opened.body().deserialize().unwrap();
    session
}

/// Calls a method of the daemon, which must succeed.
pub(crate) async fn call<B: serde::Serialize + zbus::DynamicType>(
    bus: &Connection,
    interface: &str,
    method: &str,
    arguments: &B,
) -> zbus::Message {
    bus.call_method(Some(NAME), SERVICE_PATH, Some(interface), method, arguments).await.unwrap()
}

/// `fields` as a JSON object, as a person would write it.
pub(crate) fn json(fields: &SecretFields) -> Vec<u8> {
    let members = fields.iter().map(|(name, value)| (name.to_string(), value.expose_secret().into()));
    serde_json::to_vec(&serde_json::Value::Object(members.collect())).unwrap()
}

/// Reads the field `token`.
pub(crate) async fn token(vault: &dyn Vault, at: &str) -> Result<String, VaultError> {
    let secret = vault.read(&path(at), &[field("token")], Stage::Current).await?;
    Ok(secret.expose(&field("token")).unwrap().to_owned())
}
