//! Password stores that GnuPG encrypts, each with a program that opens it.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use cofferdam_vault::testkit::{BackendUnderTest, field, path};
use cofferdam_vault::{
    BackendConfig as _, BoxFuture, ErrorKind, ExposeSecret as _, SecretFields, SecretPath, Stage, Threads,
    Vault, VaultContext, VaultError,
};
use cofferdam_vault_command::Config;
use tempfile::TempDir;

const USER: &str = "test@example.com";

/// A home of GnuPG with one key without a passphrase. Its agent ends with it.
pub(crate) struct Gnupg(TempDir);

impl Gnupg {
    pub(crate) fn new() -> Arc<Self> {
        // GnuPG warns about a home that others can read.
        let private = std::fs::Permissions::from_mode(0o700);
        let home = Self(tempfile::Builder::new().prefix("gpg").permissions(private).tempdir().unwrap());
        let key =
            ["--batch", "--quiet", "--passphrase", "", "--quick-generate-key", USER, "default", "default"];
        home.run(Command::new("gpg").args(key), b"");
        Arc::new(home)
    }

    fn run(&self, command: &mut Command, input: &[u8]) {
        let mut child = command
            .env("GNUPGHOME", self.0.path())
            .env("HOME", self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        let mut agent = Command::new("gpgconf");
        let _ = agent.env("GNUPGHOME", self.0.path()).args(["--kill", "gpg-agent"]).status();
    }
}

/// A store of `pass`.
pub(crate) struct PasswordStore {
    gnupg: Arc<Gnupg>,
    folder: TempDir,
}

impl PasswordStore {
    /// An empty store for the key of `gnupg`.
    pub(crate) fn new(gnupg: &Arc<Gnupg>) -> Self {
        let store = Self { gnupg: Arc::clone(gnupg), folder: tempfile::tempdir().unwrap() };
        store.pass(&["init", USER], b"");
        store
    }

    /// A program that runs `program` with this store, and with the keys in `gnupg`.
    pub(crate) fn program(&self, program: &Path, gnupg: &Path) -> PathBuf {
        let name = program.file_name().unwrap();
        let script = format!(
            "#!/bin/sh\nGNUPGHOME='{}' HOME='{}' PASSWORD_STORE_DIR='{}' exec '{}' \"$@\"\n",
            gnupg.display(),
            gnupg.display(),
            self.store().display(),
            program.display()
        );
        let path = self.folder.path().join(name);
        // A shell writes it: while this process has it open for writing, another test could start a child, which would
        // keep it open for a moment, and it could not be executed.
        let write = "rm -f \"$1\"; cat >\"$1\"; chmod +x \"$1\"";
        self.gnupg.run(Command::new("/bin/sh").args(["-c", write, "sh"]).arg(&path), script.as_bytes());
        path
    }

    pub(crate) fn gnupg(&self) -> &Path {
        self.gnupg.0.path()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder().join("store")
    }

    /// A vault with the preset, which runs `program`.
    pub(crate) fn open_preset(&self, program: &Path) -> Arc<dyn Vault> {
        open(&format!("preset = 'pass'\nprogram = '{}'", program.display()), self.folder())
    }

    /// Runs `pass` as an operator would.
    pub(crate) fn pass(&self, arguments: &[&str], input: &[u8]) {
        let mut pass = Command::new(cofferdam_servers::pass().unwrap());
        self.gnupg.run(pass.env("PASSWORD_STORE_DIR", self.store()).args(arguments), input);
    }
}

impl BackendUnderTest for PasswordStore {
    fn open(&self) -> Arc<dyn Vault> {
        self.open_preset(&self.program(&cofferdam_servers::pass().unwrap(), self.gnupg()))
    }

    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()> {
        let fields: serde_json::Map<String, serde_json::Value> =
            fields.iter().map(|(name, value)| (name.to_string(), value.expose_secret().into())).collect();
        let text = serde_json::to_vec(&fields).unwrap();
        self.pass(&["insert", "--multiline", "--force", &format!("cofferdam/{path}")], &text);
        Box::pin(async {})
    }

    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()> {
        self.pass(&["rm", "--force", &format!("cofferdam/{path}")], b"");
        Box::pin(async {})
    }

    fn take_down(&self) -> BoxFuture<'_, ErrorKind> {
        std::fs::rename(self.store(), self.folder().join("away")).unwrap();
        // `pass insert` would create the folder, and not use it.
        std::fs::write(self.store(), "").unwrap();
        Box::pin(async { ErrorKind::Unavailable })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        std::fs::remove_file(self.store()).unwrap();
        std::fs::rename(self.folder().join("away"), self.store()).unwrap();
        Box::pin(async {})
    }
}

/// A vault with these settings, in a profile in `folder`.
pub(crate) fn open(settings: &str, folder: &Path) -> Arc<dyn Vault> {
    let Ok(config) = toml::from_str::<Config>(settings) else { panic!("{settings}") };
    assert!(config.check().is_empty(), "{:?}", config.check());
    config.into_vault(VaultContext {
        name: "passwords".to_owned(),
        base_dir: folder.to_owned(),
        threads: Threads::new("passwords", 4),
        prompt: None,
    })
}

/// Reads the field `token`.
pub(crate) async fn token(vault: &dyn Vault, at: &str) -> Result<String, VaultError> {
    let secret = vault.read(&path(at), &[field("token")], Stage::Current).await?;
    Ok(secret.expose(&field("token")).unwrap().to_owned())
}
