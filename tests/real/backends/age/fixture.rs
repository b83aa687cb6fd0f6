//! A folder with keys and a vault file, and the program `age`, as an operator uses it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use cofferdam_vault::testkit::{field, fields, path};
use cofferdam_vault::{
    BackendConfig as _, Expect, Prompt, Stage, Threads, Vault, VaultContext, VaultError, Version,
};
use cofferdam_vault_age::Config;
use tempfile::TempDir;

/// A folder with the identity `key.txt`, made by `age-keygen`; the vault file is `v.age`.
pub(crate) struct AgeFolder(TempDir);

impl AgeFolder {
    /// A new folder without a vault file.
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        run("age-keygen", &["-o", &folder.text("key.txt")], b"");
        folder
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// A file of the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// The path of a file of the folder, as an argument.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Opens the vault with `key.txt`.
    pub(crate) fn open(&self) -> Arc<dyn Vault> {
        self.open_with("file = 'v.age'\nidentity_file = 'key.txt'")
    }

    /// Opens a vault with these settings; relative paths are in this folder.
    pub(crate) fn open_with(&self, settings: &str) -> Arc<dyn Vault> {
        open(self.folder(), settings, None)
    }

    /// The public key of `key.txt`.
    pub(crate) fn recipient(&self) -> String {
        recipient_of(&self.path("key.txt"))
    }

    /// The plaintext of the vault file.
    pub(crate) fn decrypt(&self) -> String {
        decrypt(&self.path("v.age"), &self.path("key.txt"))
    }

    /// Writes the vault file.
    pub(crate) fn encrypt(&self, plaintext: &str) {
        run("age", &["-r", &self.recipient(), "-o", &self.text("v.age")], plaintext.as_bytes());
    }
}

/// Opens a vault with these settings; relative paths are in `folder`.
pub(crate) fn open(folder: &Path, settings: &str, prompt: Option<Arc<dyn Prompt>>) -> Arc<dyn Vault> {
    let config: Config = toml::from_str(settings).unwrap();
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
    let public = run("age-keygen", &["-y", identity.to_str().unwrap()], b"");
    String::from_utf8(public).unwrap().trim().to_owned()
}

/// The plaintext of `file`.
pub(crate) fn decrypt(file: &Path, identity: &Path) -> String {
    let plaintext = run("age", &["-d", "-i", identity.to_str().unwrap(), file.to_str().unwrap()], b"");
    String::from_utf8(plaintext).unwrap()
}

/// Runs a program of the packages `age` and `openssh-client`, which must succeed; returns its standard output.
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

/// Writes the field `token`, whatever is stored.
pub(crate) async fn set(vault: &dyn Vault, at: &str, text: &str) -> Result<Version, VaultError> {
    vault.write(&path(at), &fields([("token", text)]), Expect::Any).await
}
