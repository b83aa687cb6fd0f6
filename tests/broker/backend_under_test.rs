//! Each kind of vault that goes through the fault matrix. Each holds `github/work` with the field `token`.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use age::secrecy::ExposeSecret as _;
use axum::Router;
use axum::routing::get;
use cofferdam_vault::{
    BackendConfig, BoxFuture, Expect, FieldName, Page, PageToken, Secret, SecretFields, SecretPath, Stage,
    Threads, Vault, VaultContext, VaultError, VaultInfo, Version,
};
use cofferdam_vault_age::Config as AgeConfig;
use cofferdam_vault_command::Config as CommandConfig;
use cofferdam_vault_env::Config as EnvConfig;
use cofferdam_vault_file::Config as FileConfig;
use cofferdam_vault_onepassword::Config as OnePasswordConfig;
use tempfile::TempDir;

use crate::fixture::memory;

/// A vault and, if it has files, their folder.
pub(crate) struct BackendUnderTest {
    pub(crate) name: &'static str,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) folder: Option<TempDir>,
}

pub(crate) fn all_backends() -> Vec<BackendUnderTest> {
    let memory = BackendUnderTest { name: "memory", vault: Arc::new(memory("memory")), folder: None };
    [memory, mounted(), command("cat vault"), onepassword()].into_iter().chain(file_backends()).collect()
}

/// The vaults that are files: the file is `vault` in their folder.
pub(crate) fn file_backends() -> [BackendUnderTest; 2] {
    [env(), age()]
}

fn env() -> BackendUnderTest {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("vault"), "GITHUB_WORK_TOKEN=one\n").unwrap();
    let vault = open::<EnvConfig>("dotenv = 'vault'", folder.path());
    BackendUnderTest { name: "env", vault, folder: Some(folder) }
}

fn age() -> BackendUnderTest {
    let folder = tempfile::tempdir().unwrap();
    let identity = age::x25519::Identity::generate();
    fs::write(folder.path().join("key"), identity.to_string().expose_secret()).unwrap();
    let file = age::encrypt(&identity.to_public(), b"[\"github/work\"]\ntoken = \"one\"\n").unwrap();
    fs::write(folder.path().join("vault"), file).unwrap();
    let vault = open::<AgeConfig>("file = 'vault'\nidentity_file = 'key'", folder.path());
    BackendUnderTest { name: "age", vault, folder: Some(folder) }
}

/// A command that prints the file `vault`, as long as the shell script `script` does.
pub(crate) fn command(script: &str) -> BackendUnderTest {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("vault"), "one\n").unwrap();
    fs::write(folder.path().join("read.sh"), script).unwrap();
    let vault = open::<CommandConfig>(COMMAND, folder.path());
    BackendUnderTest { name: "command", vault, folder: Some(folder) }
}

/// The settings of a vault whose command is a script of its folder.
pub(crate) const COMMAND: &str = "read = ['/bin/sh', 'read.sh', '{path}', '{field}']";

/// A folder `vault` with the key `github.work.token`, as the kubelet mounts a Secret.
pub(crate) fn mounted() -> BackendUnderTest {
    let folder = tempfile::tempdir().unwrap();
    let vault = folder.path().join("vault");
    fs::create_dir(&vault).unwrap();
    publish(&vault, "..1", "one\n");
    symlink("..data/github.work.token", vault.join("github.work.token")).unwrap();
    let vault = open::<FileConfig>("folder = 'vault'", folder.path());
    BackendUnderTest { name: "file", vault, folder: Some(folder) }
}

/// Replaces the link `..data` of a mounted folder by one to a new folder, in which the key has this value.
pub(crate) fn publish(vault: &Path, version: &str, token: &str) {
    fs::create_dir(vault.join(version)).unwrap();
    fs::write(vault.join(version).join("github.work.token"), token).unwrap();
    symlink(version, vault.join("..data_tmp")).unwrap();
    fs::rename(vault.join("..data_tmp"), vault.join("..data")).unwrap();
}

/// A Connect server that is a task of the test, with one vault and one item in it, both named by their IDs.
fn onepassword() -> BackendUnderTest {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "t0ken").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let router = Router::new()
        .route("/v1/vaults", get(async || format!(r#"[{{"id": "{VAULT_ID}"}}]"#)))
        .route("/v1/vaults/{vault}/items/{item}", get(async || ITEM));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = format!(
        "address = 'http://{address}'\ntoken_file = 'token'\nvault = '{VAULT_ID}'\n\
         items = {{ 'github/work' = '{ITEM_ID}' }}"
    );
    let vault = open::<OnePasswordConfig>(&settings, folder.path());
    BackendUnderTest { name: "onepassword", vault, folder: Some(folder) }
}

const VAULT_ID: &str = "team0000000000000000000000";
const ITEM_ID: &str = "item0000000000000000000000";
const ITEM: &str =
    r#"{"id": "item0000000000000000000000", "version": 1, "fields": [{"label": "token", "value": "one"}]}"#;

fn open<C: BackendConfig>(settings: &str, folder: &Path) -> Arc<dyn Vault> {
    Arc::new(OnRealThreads(open_on_the_clock::<C>(settings, folder)))
}

/// A vault of which a call times out as soon as nothing else is left to do.
pub(crate) fn open_on_the_clock<C: BackendConfig>(settings: &str, folder: &Path) -> Arc<dyn Vault> {
    let Ok(config) = toml::from_str::<C>(settings) else { panic!("{settings}") };
    config.into_vault(VaultContext {
        name: "backend".into(),
        base_dir: folder.to_owned(),
        threads: Threads::new("backend", 16),
        prompt: None,
    })
}

/// A vault whose work is done by real threads, which a paused clock does not wait for: if every task waited for one, tokio
/// would advance the clock to the next timeout. So the clock is held while the vault works.
#[derive(Debug)]
struct OnRealThreads(Arc<dyn Vault>);

thread_local! {
    /// The number of calls that wait for real threads. Each test has a thread of its own.
    static AT_WORK: Cell<usize> = const { Cell::new(0) };
}

/// Returns once no call waits for a real thread.
pub(crate) async fn real_threads_are_done() {
    while AT_WORK.get() > 0 {
        tokio::task::yield_now().await;
        std::thread::yield_now();
    }
}

struct AtWork;

impl AtWork {
    fn begin() -> Self {
        AT_WORK.set(AT_WORK.get() + 1);
        Self
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        AT_WORK.set(AT_WORK.get() - 1);
    }
}

async fn with_the_clock_held<T>(work: impl Future<Output = T>) -> T {
    let _at_work = AtWork::begin();
    let (working, done) = std::sync::mpsc::channel::<()>();
    #[expect(clippy::disallowed_methods, reason = "only this keeps a paused clock from running ahead")]
    let held = tokio::task::spawn_blocking(move || done.recv());
    let answer = work.await;
    drop(working);
    // It reports that the channel is closed.
    let _ = held.await;
    answer
}

impl Vault for OnRealThreads {
    fn info(&self) -> &VaultInfo {
        self.0.info()
    }

    fn read<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a [FieldName],
        stage: Stage,
    ) -> BoxFuture<'a, Result<Secret, VaultError>> {
        Box::pin(with_the_clock_held(self.0.read(path, fields, stage)))
    }

    fn write<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a SecretFields,
        expect: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>> {
        self.0.write(path, fields, expect)
    }

    fn delete<'a>(&'a self, path: &'a SecretPath, expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        self.0.delete(path, expect)
    }

    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        self.0.list(prefix, after)
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(with_the_clock_held(self.0.probe()))
    }
}
