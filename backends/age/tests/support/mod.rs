//! A folder with keys and a vault file, which tests change as an operator does. That the program `age` reads and writes the
//! same files is tested in `tests/real/backends`.
#![allow(dead_code)] // each test binary uses a part of it

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cofferdam_vault::testkit::{field, path};
use cofferdam_vault::{
    BackendConfig, Expect, ExposeSecret, Prompt, SecretFields, SecretPath, Stage, Threads, Vault,
    VaultContext, VaultError, Version,
};
use cofferdam_vault_age::Config;
use tempfile::TempDir;
use toml_edit::{DocumentMut, Item, Table, value};

/// A folder with an identity; the vault file is `v.age` in it.
pub(crate) struct AgeFolder {
    folder: TempDir,
}

impl AgeFolder {
    /// A new folder with the identity `key.txt` and no vault file.
    pub(crate) fn new() -> Self {
        let folder = Self { folder: tempfile::tempdir().unwrap() };
        folder.make_key("key.txt");
        folder
    }

    /// Writes an identity file as `age-keygen` does.
    pub(crate) fn make_key(&self, name: &str) {
        let identity = age::x25519::Identity::generate();
        let public = identity.to_public();
        let text = format!(
            "# created: 2026-11-21T13:57:26Z\n# public key: {public}\n{}\n",
            identity.to_string().expose_secret()
        );
        std::fs::write(self.path(name), text).unwrap();
    }

    /// The same with a vault file that holds no secret.
    pub(crate) fn with_empty_vault() -> Self {
        let folder = Self::new();
        folder.encrypt("");
        folder
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Opens the vault with the identity.
    pub(crate) fn open(&self) -> Arc<dyn Vault> {
        self.open_with("file = 'v.age'\nidentity_file = 'key.txt'")
    }

    /// Opens a vault with these settings, relative paths below this folder.
    pub(crate) fn open_with(&self, settings: &str) -> Arc<dyn Vault> {
        open(self.folder(), settings, None)
    }

    /// The public key of `key.txt`.
    pub(crate) fn recipient(&self) -> String {
        recipient_of(&self.path("key.txt"))
    }

    /// The plaintext of the vault file.
    pub(crate) fn decrypt(&self) -> String {
        let file = std::fs::read(self.path("v.age")).unwrap();
        String::from_utf8(age::decrypt(&identity_of(&self.path("key.txt")), &file).unwrap()).unwrap()
    }

    /// Replaces the vault file as an operator does, ignoring every lock.
    pub(crate) fn encrypt(&self, plaintext: &str) {
        let recipient = identity_of(&self.path("key.txt")).to_public();
        std::fs::write(self.path("v.age"), age::encrypt(&recipient, plaintext.as_bytes()).unwrap()).unwrap();
    }

    /// Changes the plaintext as an operator does.
    pub(crate) fn edit(&self, edit: impl FnOnce(&mut DocumentMut)) {
        let mut document: DocumentMut = self.decrypt().parse().unwrap();
        edit(&mut document);
        self.encrypt(&document.to_string());
    }
}

/// Inserts a table of fields into a plaintext as an operator does.
pub(crate) fn put(document: &mut DocumentMut, at: &SecretPath, fields: &SecretFields) {
    let mut table = Table::new();
    for (name, text) in fields {
        table.insert(name.as_str(), value(text.expose_secret()));
    }
    document.insert(at.as_str(), Item::Table(table));
}

pub(crate) fn config(settings: &str) -> Config {
    toml::from_str(settings).unwrap()
}

pub(crate) fn open(folder: &Path, settings: &str, prompt: Option<Arc<dyn Prompt>>) -> Arc<dyn Vault> {
    let config = config(settings);
    assert!(config.check().is_empty(), "{}", config.check());
    config.into_vault(VaultContext {
        name: "notes".to_owned(),
        base_dir: folder.to_owned(),
        threads: Threads::new("notes", 4),
        prompt,
    })
}

/// The public key of an identity file.
pub(crate) fn recipient_of(identity: &Path) -> String {
    identity_of(identity).to_public().to_string()
}

fn identity_of(file: &Path) -> age::x25519::Identity {
    let text = std::fs::read_to_string(file).unwrap();
    let line = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap();
    line.parse().unwrap()
}

/// Reads the field `token`.
pub(crate) async fn token(vault: &dyn Vault, at: &str) -> Result<String, VaultError> {
    let secret = vault.read(&path(at), &[field("token")], Stage::Current).await?;
    Ok(secret.expose(&field("token")).unwrap().to_owned())
}

/// The version of a secret with the field `token`.
pub(crate) async fn version(vault: &dyn Vault, at: &str) -> Version {
    vault.read(&path(at), &[field("token")], Stage::Current).await.unwrap().version
}

/// Writes the field `token`, whatever is there.
pub(crate) async fn set(vault: &dyn Vault, at: &str, text: &str) -> Result<Version, VaultError> {
    vault.write(&path(at), &cofferdam_vault::testkit::fields([("token", text)]), Expect::Any).await
}

/// The names in a folder that are neither the vault file, nor its lock, nor the identity.
pub(crate) fn leftovers(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !["v.age", "v.age.lock", "key.txt"].contains(&name.as_str()))
        .collect();
    names.sort();
    names
}
