//! The vault as a whole: the contract suite, the process's variables, and a file that appears, disappears and hangs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cofferdam_vault::testkit::{BackendUnderTest, exercise, exercise_settings, field, path};
use cofferdam_vault::{
    BackendConfig as _, BoxFuture, ErrorKind, ExposeSecret as _, Scope, SecretFields, SecretPath, Stage,
    Threads, Vault, VaultContext, VaultError,
};

use crate::backend::{EnvVault, Lookup};
use crate::config::Config;
use crate::names;

fn config(text: &str) -> Config {
    toml::from_str(text).unwrap()
}

fn context(folder: &Path) -> VaultContext {
    let threads = Threads::new("env-test", 2);
    VaultContext { name: "local".to_owned(), base_dir: folder.to_owned(), threads, prompt: None }
}

fn process(variables: &[(&'static str, &'static str)]) -> Lookup {
    let variables: BTreeMap<_, _> =
        variables.iter().map(|(name, value)| (*name, OsString::from(value))).collect();
    Arc::new(move |name| variables.get(name).cloned())
}

fn vault(text: &str, folder: &Path, process: Lookup) -> EnvVault {
    EnvVault::new(&config(text), &context(folder), process)
}

async fn token(vault: &EnvVault, at: &str) -> Result<String, VaultError> {
    let secret = vault.read(&path(at), &[field("token")], Stage::Current).await?;
    Ok(secret.expose(&field("token")).unwrap().to_owned())
}

/// A `.env` file that the suite writes.
struct DotenvFixture {
    folder: tempfile::TempDir,
    secrets: Mutex<BTreeMap<SecretPath, SecretFields>>,
}

impl DotenvFixture {
    fn new() -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap(), secrets: Mutex::default() };
        fixture.save();
        fixture
    }

    /// Replaces the file in one step, as an editor does.
    fn save(&self) {
        let mut text = String::new();
        for (path, fields) in &*self.secrets.lock().unwrap() {
            for (field, value) in fields {
                let name = names::variable(Some(PREFIX), path, field);
                let value = value.expose_secret().replace('\\', "\\\\").replace('"', "\\\"");
                text.push_str(&format!("{name}=\"{value}\"\n"));
            }
        }
        std::fs::write(self.folder.path().join(".env.new"), text).unwrap();
        std::fs::rename(self.folder.path().join(".env.new"), self.folder.path().join(".env")).unwrap();
    }
}

/// A prefix that no variable of the machine has.
const PREFIX: &str = "COFFERDAM_ENV_SUITE";

impl BackendUnderTest for DotenvFixture {
    fn open(&self) -> Arc<dyn Vault> {
        config(&format!("prefix = '{PREFIX}'\ndotenv = '.env'")).into_vault(context(self.folder.path()))
    }

    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()> {
        self.secrets.lock().unwrap().insert(path.clone(), fields.clone());
        self.save();
        Box::pin(async {})
    }

    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()> {
        self.secrets.lock().unwrap().remove(path).unwrap();
        self.save();
        Box::pin(async {})
    }

    fn take_down(&self) -> BoxFuture<'_, ErrorKind> {
        std::fs::remove_file(self.folder.path().join(".env")).unwrap();
        Box::pin(async { ErrorKind::Misconfigured })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        self.save();
        Box::pin(async {})
    }

    fn holds_empty_values(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn the_env_vault_fulfils_the_contract() {
    exercise(async || DotenvFixture::new()).await;
}

#[tokio::test]
async fn a_variable_of_the_process_wins_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "A_TOKEN=file\nB_TOKEN=file\nC_TOKEN=file\nD_TOKEN=").unwrap();
    let process = process(&[("A_TOKEN", "process"), ("B_TOKEN", ""), ("E_TOKEN", "process")]);
    let vault = vault("dotenv = '.env'", folder.path(), process);
    assert_eq!(token(&vault, "a/default").await.unwrap(), "process");
    assert_eq!(token(&vault, "b/default").await.unwrap(), "file", "an empty one counts as unset");
    assert_eq!(token(&vault, "c/default").await.unwrap(), "file");
    assert_eq!(token(&vault, "d/default").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(token(&vault, "e/default").await.unwrap(), "process");
}

#[tokio::test]
async fn without_a_file_only_the_process_is_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "broken").unwrap();
    let vault = vault("prefix = 'ACME'", folder.path(), process(&[("ACME_A_TOKEN", "1"), ("B_TOKEN", "2")]));
    vault.probe().await.unwrap();
    assert_eq!(token(&vault, "a/default").await.unwrap(), "1");
    assert_eq!(token(&vault, "b/default").await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn the_real_environment_is_read() {
    // Cargo sets this variable for every test.
    let folder = tempfile::tempdir().unwrap();
    let vault = config("prefix = 'CARGO'").into_vault(context(folder.path()));
    let secret = vault.read(&path("pkg/default"), &[field("name")], Stage::Current).await.unwrap();
    assert_eq!(secret.expose(&field("name")), Some("cofferdam-vault-env"));
}

#[tokio::test]
async fn missing_variables_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault("", folder.path(), process(&[("A_WORK_USERNAME", "canary")]));
    let fields = ["username", "password", "tenant"].map(field);
    let error = vault.read(&path("a/work"), &fields, Stage::Current).await.unwrap_err();
    assert_eq!((error.kind(), error.scope()), (ErrorKind::NotFound, Scope::Secret));
    let expected = "A_WORK_PASSWORD, A_WORK_TENANT are unset or empty; `export A_WORK_PASSWORD=… A_WORK_TENANT=…` and \
                    restart, or name a .env file (`dotenv`)";
    assert_eq!(error.message(), expected);
}

#[cfg(unix)]
#[tokio::test]
async fn a_variable_that_is_not_utf8_is_malformed_and_not_printed() {
    use std::os::unix::ffi::OsStringExt as _;
    let folder = tempfile::tempdir().unwrap();
    let process: Lookup = Arc::new(|_| Some(OsString::from_vec(b"canary\xff".to_vec())));
    let error = token(&vault("", folder.path(), process), "a/default").await.unwrap_err();
    assert_eq!((error.kind(), error.scope()), (ErrorKind::Malformed, Scope::Secret));
    assert!(error.message().contains("A_TOKEN") && !error.message().contains("canary"), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_fifo_in_place_of_the_file_never_hangs() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(".env");
    mknodat(CWD, &file, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let vault = vault("dotenv = '.env'", folder.path(), process(&[]));
    // Only a failing test waits this long.
    let limit = Duration::from_secs(20);
    for _ in 0..3 {
        let result = tokio::time::timeout(limit, vault.probe()).await.expect("the probe hangs");
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Misconfigured);
        let result = tokio::time::timeout(limit, token(&vault, "a/default")).await.expect("the read hangs");
        assert_eq!(result.unwrap_err().scope(), Scope::Vault);
    }
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, "A_TOKEN=back").unwrap();
    assert_eq!(token(&vault, "a/default").await.unwrap(), "back");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_takes_down_the_vault_and_is_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(".env");
    let vault = vault("dotenv = '.env'", folder.path(), process(&[("A_TOKEN", "canary")]));
    for content in [b"\xff\xfec\0a\0n\0a\0r\0y\0".to_vec(), b"canary\n".repeat(1024 * 1024)] {
        std::fs::write(&file, content).unwrap();
        let error = token(&vault, "a/default").await.unwrap_err();
        assert_eq!((error.kind(), error.scope()), (ErrorKind::Malformed, Scope::Vault));
        assert_eq!(vault.probe().await, Err(error.clone()));
        assert!(!format!("{error:?}{vault:?}").contains("canary"), "{error:?}");
        assert!(error.message().contains(".env"), "{error}");
    }
    std::fs::write(&file, "").unwrap();
    assert_eq!(vault.probe().await, Ok(()));
    assert_eq!(token(&vault, "a/default").await.unwrap(), "canary");
}

#[tokio::test]
async fn an_invalid_line_concerns_its_variable_and_neither_the_others_nor_the_vault() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(".env");
    let content = b"A_TOKEN=#1\nB_TOKEN='canary\nC_TOKEN=canary\xff\ncanary canary\nD_TOKEN=4\n";
    std::fs::write(&file, content).unwrap();
    let vault = vault("dotenv = '.env'", folder.path(), process(&[]));
    vault.probe().await.unwrap();
    assert_eq!(token(&vault, "a/default").await.unwrap(), "#1");
    assert_eq!(token(&vault, "d/default").await.unwrap(), "4");
    for (path, kind, line) in [
        ("b/default", ErrorKind::Malformed, "line 2 "),
        ("c/default", ErrorKind::Malformed, "line 3 "),
        ("e/default", ErrorKind::NotFound, "line 4 "),
    ] {
        let error = token(&vault, path).await.unwrap_err();
        assert_eq!((error.kind(), error.scope()), (kind, Scope::Secret), "{error}");
        assert!(error.message().contains(line) && !error.message().contains("canary"), "{error}");
    }
    let mut found = cofferdam_config::Diagnostics::new();
    vault.diagnose(&[], &[], &mut found).await;
    let found = found.to_string();
    assert!(["line 2 ", "line 3 ", "line 4 "].iter().all(|line| found.contains(line)), "{found}");
    assert!(!found.contains("canary"), "{found}");
}

#[tokio::test]
async fn a_changed_file_is_seen_even_if_its_length_and_time_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(".env");
    let vault = vault("dotenv = '.env'", folder.path(), process(&[]));
    let (at, names) = (path("a/default"), [field("token")]);
    let time = std::time::SystemTime::UNIX_EPOCH;
    let mut versions = Vec::new();
    for value in ["one", "two", "one"] {
        std::fs::write(&file, format!("A_TOKEN={value}")).unwrap();
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
        let secret = vault.read(&at, &names, Stage::Current).await.unwrap();
        assert_eq!(secret.expose(&field("token")), Some(value));
        let again = vault.read(&at, &names, Stage::Current).await.unwrap();
        assert_eq!(again.version, secret.version);
        assert!(!versions.contains(&secret.version), "version {} was reused", secret.version);
        versions.push(secret.version);
    }
}

#[test]
fn every_vault_reads_one_environment_and_names_its_variables() {
    let names = |settings: &str, at: &str, name: &str| {
        config(settings).names(Path::new("/site"), &path(at), &[field(name)])
    };
    assert_eq!(names("prefix = 'ACME'", "github/default", "work_token"), ["ACME_GITHUB_WORK_TOKEN"]);
    assert_eq!(names("prefix = 'ACME_GITHUB'", "work", "token"), ["ACME_GITHUB_WORK_TOKEN"]);
    let store = |settings: &str| config(settings).store(Path::new("/site"));
    assert!(
        store("dotenv = 'a'").may_be(&store("dotenv = 'b'")),
        "the variables of the process win over both files"
    );
    exercise_settings(&config(""), &config("prefix = 'ACME'"));
    assert!(config("").refuses_users().is_some());
}

#[test]
fn wrong_settings_are_reported_by_key() {
    assert!(config("").check().is_empty());
    assert!(config("prefix = 'ACME'\ndotenv = '.env'").check().is_empty());
    let keys: Vec<_> = config("prefix = 'A-B'\ndotenv = ''").check().into_iter().map(|p| p.key).collect();
    assert_eq!(keys, ["prefix", "dotenv"]);
    assert!(toml::from_str::<Config>("file = '.env'").is_err(), "unknown keys are refused");
}
