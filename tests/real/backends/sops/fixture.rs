//! A folder with a key and documents, and the program `sops`, as an operator uses it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use cofferdam_vault::testkit::{BackendUnderTest, field, path};
use cofferdam_vault::{
    BackendConfig as _, BoxFuture, ErrorKind, ExposeSecret as _, SecretFields, SecretPath, Stage, Threads,
    Vault, VaultContext, VaultError,
};
use cofferdam_vault_sops::Config;
use tempfile::TempDir;

/// A folder with the identity `key.txt` and one document.
pub(crate) struct Documents {
    folder: TempDir,
    /// The name of the document.
    file: &'static str,
}

impl Documents {
    /// A document of tables without a secret.
    pub(crate) fn empty(file: &'static str) -> Self {
        Self::new(file, r#"{"About this": "kept by hand"}"#, "json")
    }

    /// The document `file` with this content in the format `from`.
    pub(crate) fn new(file: &'static str, content: &str, from: &str) -> Self {
        let documents = Self { folder: tempfile::tempdir().unwrap(), file };
        documents.age_keygen(&["-o", documents.path("key.txt").to_str().unwrap()]);
        let plain = documents.path("plain");
        fs::write(&plain, content).unwrap();
        let to = Path::new(file).extension().unwrap().to_str().unwrap().replace("env", "dotenv");
        let (recipient, plain) = (documents.recipient(), plain.to_str().unwrap());
        let encrypt = ["encrypt", "--age", &recipient, "--input-type", from, "--output-type", &to, plain];
        let encrypted = documents.sops(&encrypt, b"");
        fs::remove_file(plain).unwrap();
        fs::write(documents.document(), encrypted).unwrap();
        documents
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub(crate) fn document(&self) -> PathBuf {
        self.path(self.file)
    }

    /// The encrypted document.
    pub(crate) fn encrypted(&self) -> String {
        fs::read_to_string(self.document()).unwrap()
    }

    /// A vault with these further settings.
    pub(crate) fn open_with(&self, settings: &str) -> Arc<dyn Vault> {
        let sops = cofferdam_servers::sops().unwrap();
        let program =
            if settings.contains("program") { String::new() } else { format!("program = {sops:?}\n") };
        let settings = format!("file = '{}'\n{program}{settings}", self.file);
        let Ok(config) = toml::from_str::<Config>(&settings) else { panic!("{settings}") };
        assert!(config.check().is_empty(), "{:?}", config.check());
        config.into_vault(VaultContext {
            name: "documents".to_owned(),
            base_dir: self.folder().to_owned(),
            threads: Threads::new("documents", 4),
            prompt: None,
        })
    }

    /// Runs `sops` as an operator would, and returns its standard output.
    pub(crate) fn sops(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut sops = Command::new(cofferdam_servers::sops().unwrap());
        sops.env("SOPS_AGE_KEY_FILE", self.path("key.txt")).args(arguments);
        run(&mut sops, input)
    }

    /// Makes the program `./wrapper`, a shell script that finds the real one in `$SOPS`.
    pub(crate) fn make_wrapper(&self, script: &str) {
        let script = format!("#!/bin/sh\nSOPS='{}'\n{script}", cofferdam_servers::sops().unwrap().display());
        // A shell writes it: while this process has it open for writing, another test could start a child, which would
        // keep it open for a moment, and it could not be executed.
        let mut shell = Command::new("/bin/sh");
        run(
            shell.current_dir(self.folder()).args(["-c", "cat >wrapper; chmod +x wrapper"]),
            script.as_bytes(),
        );
    }

    /// The public key of `key.txt`.
    pub(crate) fn recipient(&self) -> String {
        let public = self.age_keygen(&["-y", self.path("key.txt").to_str().unwrap()]);
        String::from_utf8(public).unwrap().trim().to_owned()
    }

    fn age_keygen(&self, arguments: &[&str]) -> Vec<u8> {
        run(Command::new(cofferdam_servers::age().unwrap().join("age-keygen")).args(arguments), b"")
    }
}

/// Runs a program, which must succeed.
fn run(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

impl BackendUnderTest for Documents {
    fn open(&self) -> Arc<dyn Vault> {
        self.open_with("age_key_file = 'key.txt'")
    }

    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()> {
        let fields: serde_json::Map<String, serde_json::Value> =
            fields.iter().map(|(name, value)| (name.to_string(), value.expose_secret().into())).collect();
        let (document, index) = (self.document(), format!("[\"{path}\"]"));
        let json = serde_json::to_vec(&fields).unwrap();
        self.sops(&["set", "--value-stdin", document.to_str().unwrap(), &index], &json);
        Box::pin(async {})
    }

    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()> {
        let (document, index) = (self.document(), format!("[\"{path}\"]"));
        self.sops(&["unset", document.to_str().unwrap(), &index], b"");
        Box::pin(async {})
    }

    fn take_down(&self) -> BoxFuture<'_, ErrorKind> {
        fs::rename(self.document(), self.path("away")).unwrap();
        Box::pin(async { ErrorKind::Misconfigured })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        fs::rename(self.path("away"), self.document()).unwrap();
        Box::pin(async {})
    }
}

/// Reads the field `token`.
pub(crate) async fn token(vault: &dyn Vault, at: &str) -> Result<String, VaultError> {
    let secret = vault.read(&path(at), &[field("token")], Stage::Current).await?;
    Ok(secret.expose(&field("token")).unwrap().to_owned())
}
