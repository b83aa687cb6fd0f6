//! The memory vault passes the suite, with and without faults that change nothing; and the suite detects each flaw.
#![allow(clippy::unwrap_used)] // in a test a panic is the report

use std::sync::Arc;
use std::time::Duration;

use cofferdam_config::{Diagnostic, Diagnostics, Text};
use cofferdam_vault::testkit::{
    BackendUnderTest, Calls, Dynamic, Fault, Faults, MemoryVault, exercise, field, path,
};
use cofferdam_vault::{
    BoxFuture, BoxStream, Capabilities, Change, ErrorKind, Expect, FieldName, Page, PageToken, Secret,
    SecretFields, SecretPath, Stage, Vault, VaultError, VaultInfo, Version,
};
use futures_util::StreamExt as _;
use futures_util::future::ready;

struct Memory {
    store: MemoryVault,
    faults: Faults,
}

impl Memory {
    fn new() -> Self {
        let store = MemoryVault::new("suite");
        store.serve_dynamic(&path("database/readonly"), Duration::from_secs(3600));
        Self { store, faults: Faults::default() }
    }
}

impl BackendUnderTest for Memory {
    fn open(&self) -> Arc<dyn Vault> {
        self.faults.wrap(Arc::new(self.store.clone()))
    }

    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()> {
        Box::pin(async move { drop(self.store.write(path, fields, Expect::Any).await.unwrap()) })
    }

    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.store.delete(path, Expect::Any).await.unwrap() })
    }

    fn take_down(&self) -> BoxFuture<'_, ErrorKind> {
        self.faults.set(Calls::All, Fault::vault(ErrorKind::Unavailable));
        Box::pin(async { ErrorKind::Unavailable })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        self.faults.clear();
        Box::pin(async {})
    }

    fn dynamic(&self) -> Option<Dynamic> {
        Some(Dynamic {
            path: path("database/readonly"),
            fields: vec![field("username"), field("password")],
            duration: Duration::from_secs(3600),
        })
    }
}

#[tokio::test(start_paused = true)]
async fn the_memory_vault_passes() {
    exercise(async || Memory::new()).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_vault_passes() {
    exercise(async || {
        let memory = Memory::new();
        memory.faults.set(Calls::Reads, Fault::Delay(Duration::from_millis(3)));
        memory
    })
    .await;
}

/// A memory vault that breaks the contract in one way.
struct Broken {
    memory: Memory,
    flaw: Flaw,
}

#[derive(Debug, Clone, Copy)]
enum Flaw {
    None,
    ReadOnlyReportsUnsupported,
    WritesWithoutChecking,
    ChecksThenWrites,
    PrintsItsSecrets,
    TrimsValues,
    ProbesAlwaysSucceed,
    ReportsAnOutageAsAbsence,
    ListsAPrefixByString,
    NeverChangesTheVersion,
    DiagnosesByWriting,
    DiagnosesWithASecret,
    DiagnosesWithoutHelp,
    MissesChanges,
    WatchesWhileDown,
}

struct Flawed {
    inner: Arc<dyn Vault>,
    store: MemoryVault,
    info: VaultInfo,
    flaw: Flaw,
}

impl std::fmt::Debug for Flawed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.flaw {
            Flaw::PrintsItsSecrets => f.write_str("canary"),
            _ => f.write_str("Flawed"),
        }
    }
}

impl Vault for Flawed {
    fn info(&self) -> &VaultInfo {
        &self.info
    }

    fn read<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a [FieldName],
        stage: Stage,
    ) -> BoxFuture<'a, Result<Secret, VaultError>> {
        use cofferdam_vault::ExposeSecret as _;
        Box::pin(async move {
            let mut result = self.inner.read(path, fields, stage).await;
            match (self.flaw, &mut result) {
                (Flaw::TrimsValues, Ok(secret)) => {
                    for value in secret.fields.values_mut() {
                        *value = value.expose_secret().trim().into();
                    }
                }
                (Flaw::NeverChangesTheVersion, Ok(secret)) => secret.version = Version::new("1"),
                (Flaw::ReportsAnOutageAsAbsence, Err(_)) => {
                    return Err(VaultError::secret(ErrorKind::NotFound, "absent"));
                }
                _ => {}
            }
            result
        })
    }

    fn write<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a SecretFields,
        expect: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>> {
        match self.flaw {
            Flaw::ReadOnlyReportsUnsupported => {
                Box::pin(async { Err(VaultError::secret(ErrorKind::Unsupported, "no")) })
            }
            Flaw::WritesWithoutChecking => self.inner.write(path, fields, Expect::Any),
            Flaw::ChecksThenWrites => Box::pin(async move {
                let names: Vec<_> = fields.keys().cloned().collect();
                let there = self.inner.read(path, &names, Stage::Current).await;
                let holds = match (&expect, &there) {
                    (Expect::Version(version), Ok(secret)) => secret.version == *version,
                    (Expect::Absent, Err(error)) => error.kind() == ErrorKind::NotFound,
                    // This flaw does not affect the other cases.
                    _ => return self.inner.write(path, fields, expect).await,
                };
                // Other writers run in between.
                tokio::task::yield_now().await;
                let expect = if holds { Expect::Any } else { expect };
                self.inner.write(path, fields, expect).await
            }),
            _ => self.inner.write(path, fields, expect),
        }
    }

    fn delete<'a>(&'a self, path: &'a SecretPath, expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        self.inner.delete(path, expect)
    }

    fn list<'a>(
        &'a self,
        prefix: Option<&'a SecretPath>,
        after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(async move {
            match (self.flaw, prefix) {
                (Flaw::ListsAPrefixByString, Some(prefix)) => {
                    let mut page = self.store.list(None, after).await?;
                    page.paths.retain(|path| path.as_str().starts_with(prefix.as_str()));
                    Ok(page)
                }
                _ => self.inner.list(prefix, after).await,
            }
        })
    }

    fn watch(&self) -> BoxStream<'_, Result<Change, VaultError>> {
        match self.flaw {
            Flaw::MissesChanges => {
                let heard = |item: &Result<Change, VaultError>| ready(!matches!(item, Ok(Change::Secret(_))));
                self.inner.watch().filter(heard).boxed()
            }
            Flaw::WatchesWhileDown => self.store.watch(),
            _ => self.inner.watch(),
        }
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        match self.flaw {
            Flaw::ProbesAlwaysSucceed => Box::pin(async { Ok(()) }),
            _ => self.inner.probe(),
        }
    }

    fn diagnose<'a>(
        &'a self,
        needs: &'a [SecretPath],
        _: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        let token: [FieldName; 1] = ["token".parse().unwrap()];
        Box::pin(async move {
            match self.flaw {
                Flaw::DiagnosesByWriting => {
                    let fields = [(token[0].clone(), "x".into())].into();
                    let _ = self.inner.write(&needs[1], &fields, Expect::Any).await;
                }
                Flaw::DiagnosesWithASecret => {
                    let read = self.inner.read(&needs[0], &token, Stage::Current).await;
                    found.extend(
                        read.iter()
                            .filter_map(|secret| secret.expose(&token[0]))
                            .map(|message| Diagnostic::info("", Text::unchecked(message))),
                    );
                }
                Flaw::DiagnosesWithoutHelp => found.push(Diagnostic::error("", "something", "")),
                _ => {}
            }
        })
    }
}

impl BackendUnderTest for Broken {
    fn open(&self) -> Arc<dyn Vault> {
        let inner = self.memory.open();
        let write = !matches!(self.flaw, Flaw::ReadOnlyReportsUnsupported);
        let capabilities = Capabilities { write, cas: write, dynamic: false, ..inner.info().capabilities };
        let info = VaultInfo { capabilities, ..inner.info().clone() };
        Arc::new(Flawed { inner, store: self.memory.store.clone(), info, flaw: self.flaw })
    }

    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()> {
        self.memory.seed(path, fields)
    }

    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()> {
        self.memory.remove(path)
    }

    fn take_down(&self) -> BoxFuture<'_, ErrorKind> {
        self.memory.take_down()
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        self.memory.bring_up()
    }
}

#[tokio::test(start_paused = true)]
async fn a_vault_fails_the_suite_exactly_if_it_breaks_the_contract() {
    for flaw in [
        Flaw::None,
        Flaw::ReadOnlyReportsUnsupported,
        Flaw::WritesWithoutChecking,
        Flaw::ChecksThenWrites,
        Flaw::PrintsItsSecrets,
        Flaw::TrimsValues,
        Flaw::ProbesAlwaysSucceed,
        Flaw::ReportsAnOutageAsAbsence,
        Flaw::ListsAPrefixByString,
        Flaw::NeverChangesTheVersion,
        Flaw::DiagnosesByWriting,
        Flaw::DiagnosesWithASecret,
        Flaw::DiagnosesWithoutHelp,
        Flaw::MissesChanges,
        Flaw::WatchesWhileDown,
    ] {
        let tasks = tokio::task::LocalSet::new();
        let run = tasks.run_until(async move {
            let suite = exercise(async move || Broken { memory: Memory::new(), flaw });
            tokio::task::spawn_local(suite).await
        });
        let failed = run.await.is_err_and(|error| error.is_panic());
        assert_eq!(failed, !matches!(flaw, Flaw::None), "{flaw:?}");
    }
}
