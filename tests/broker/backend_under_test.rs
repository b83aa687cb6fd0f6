//! Every kind of vault that goes through the matrix; each holds `github/work` with the field `token`.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use cofferdam_vault::{
    BackendConfig, BoxFuture, Expect, FieldName, Page, PageToken, Secret, SecretFields, SecretPath, Stage,
    Threads, Vault, VaultContext, VaultError, VaultInfo, Version,
};
use cofferdam_vault_age::Config as AgeConfig;
use cofferdam_vault_env::Config as EnvConfig;
use cofferdam_vault_file::Config as FileConfig;
use tempfile::TempDir;

use crate::world::memory;

/// A vault with the folder that its files lie in, where it has files.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) folder: Option<TempDir>,
}

pub(crate) fn subjects() -> Vec<Subject> {
    let memory = Subject { name: "memory", vault: Arc::new(memory("subject")), folder: None };
    [memory, mounted()].into_iter().chain(file_subjects()).collect()
}

/// The vaults that are files: `vault` in their folder is the file.
pub(crate) fn file_subjects() -> [Subject; 2] {
    [env(), age()]
}

fn env() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("vault"), "GITHUB_WORK_TOKEN=one\n").unwrap();
    let vault = open::<EnvConfig>("dotenv = 'vault'", folder.path());
    Subject { name: "env", vault, folder: Some(folder) }
}

fn age() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let age = cofferdam_servers::age().unwrap();
    let run = |command: &mut Command| {
        let output = command.current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(Command::new(age.join("age-keygen")).args(["-o", "key"]));
    let recipient = run(Command::new(age.join("age-keygen")).args(["-y", "key"]));
    fs::write(folder.path().join("plain"), "[\"github/work\"]\ntoken = \"one\"\n").unwrap();
    run(Command::new(age.join("age")).args(["-r", recipient.trim(), "-o", "vault", "plain"]));
    let vault = open::<AgeConfig>("file = 'vault'\nidentity_file = 'key'", folder.path());
    Subject { name: "age", vault, folder: Some(folder) }
}

/// A folder `vault` with the key `github.work.token`, as the kubelet mounts a Secret.
pub(crate) fn mounted() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let vault = folder.path().join("vault");
    fs::create_dir(&vault).unwrap();
    publish(&vault, "..1", "one\n");
    symlink("..data/github.work.token", vault.join("github.work.token")).unwrap();
    let vault = open::<FileConfig>("folder = 'vault'", folder.path());
    Subject { name: "file", vault, folder: Some(folder) }
}

/// Swaps the link `..data` of a mounted folder for one to a new folder, in which the key has this value.
pub(crate) fn publish(vault: &Path, generation: &str, token: &str) {
    fs::create_dir(vault.join(generation)).unwrap();
    fs::write(vault.join(generation).join("github.work.token"), token).unwrap();
    symlink(generation, vault.join("..data_tmp")).unwrap();
    fs::rename(vault.join("..data_tmp"), vault.join("..data")).unwrap();
}

fn open<C: BackendConfig>(settings: &str, folder: &Path) -> Arc<dyn Vault> {
    let Ok(config) = toml::from_str::<C>(settings) else { panic!("{settings}") };
    Arc::new(OnRealThreads(config.into_vault(VaultContext {
        name: "subject".into(),
        base_dir: folder.to_owned(),
        threads: Threads::new("subject", 16),
        prompt: None,
    })))
}

/// A vault whose work is done by real threads, of which a paused clock knows nothing: with every task waiting for one,
/// tokio would jump to the next time-out. So the clock is held while the vault is at work.
#[derive(Debug)]
struct OnRealThreads(Arc<dyn Vault>);

thread_local! {
    /// How many calls are with real threads. Each test has a thread of its own.
    static AT_WORK: Cell<usize> = const { Cell::new(0) };
}

/// Lets every call that is with a real thread come back.
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
    // It answers that the channel is closed.
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
