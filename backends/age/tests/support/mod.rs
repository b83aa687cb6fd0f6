//! A folder with keys and a vault file, and the real `age` to work on them as an operator does.
#![allow(dead_code)] // each test file takes what it needs

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    /// A fresh folder with the identity `key.txt`, made by `age-keygen`, and no vault file.
    pub(crate) fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        run("age-keygen", &["-o", &site.text("key.txt")], b"");
        site
    }

    /// The same with a vault file that holds no secret.
    pub(crate) fn with_empty_vault() -> Self {
        let site = Self::new();
        site.encrypt("");
        site
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

    /// The plaintext, as the real `age` sees it.
    pub(crate) fn decrypt(&self) -> String {
        decrypt(&self.path("v.age"), &self.path("key.txt"))
    }

    /// Replaces the plaintext as an operator does: with the real `age`, past every lock.
    pub(crate) fn encrypt(&self, plaintext: &str) {
        run("age", &["-r", &self.recipient(), "-o", &self.text("v.age")], plaintext.as_bytes());
    }

    /// Changes the plaintext as an operator does.
    pub(crate) fn edit(&self, edit: impl FnOnce(&mut DocumentMut)) {
        let mut document: DocumentMut = self.decrypt().parse().unwrap();
        edit(&mut document);
        self.encrypt(&document.to_string());
    }
}

/// Puts a table of fields into a plaintext as an operator does.
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

pub(crate) fn recipient_of(identity: &Path) -> String {
    let public = run("age-keygen", &["-y", identity.to_str().unwrap()], b"");
    String::from_utf8(public).unwrap().trim().to_owned()
}

pub(crate) fn decrypt(file: &Path, identity: &Path) -> String {
    let plaintext = run("age", &["-d", "-i", identity.to_str().unwrap(), file.to_str().unwrap()], b"");
    String::from_utf8(plaintext).unwrap()
}

/// Runs a program of the package `age` (or `openssh-client`), and fails loudly where it is missing or unhappy.
pub(crate) fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let path = match program.starts_with("age") {
        true => cofferdam_servers::age().unwrap().join(program),
        false => program.into(),
    };
    let mut child = Command::new(path)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("this test needs `{program}` ({error}): apt-get install openssh-client")
        });
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
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
