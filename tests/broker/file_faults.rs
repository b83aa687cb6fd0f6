//! What happens to files: removed, corrupted, unreadable, replaced by a FIFO, and on a file system that hangs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use cofferdam::broker::{BrokerError, CompartmentPolicy, CompartmentState, CredentialTemplate};
use cofferdam_vault::testkit::MemoryVault;
use cofferdam_vault::{
    BoxFuture, Expect, ExposeSecret as _, FieldName, Page, PageToken, Secret, SecretFields, SecretPath,
    Stage, Threads, Vault, VaultError, VaultInfo, Version,
};
use tokio::time::Instant;

use crate::backend_under_test::{BackendUnderTest, file_backends, mounted, publish};
use crate::fixture::{Fixture, pass};

type Break = fn(&Path);

/// Each way to break a vault's file.
const BREAKS: [(&str, Break); 6] = [
    ("removed", |file| fs::remove_file(file).unwrap()),
    ("corrupted", |file| fs::write(file, b"\xff\xfe garbage \x00\x01").unwrap()),
    ("truncated", |file| {
        fs::write(file, &fs::read(file).unwrap()[..fs::read(file).unwrap().len() / 2]).unwrap()
    }),
    ("a folder", |file| {
        fs::remove_file(file).unwrap();
        fs::create_dir(file).unwrap();
    }),
    // Root reads a file whatever its mode; a link to itself cannot be opened.
    ("unreadable", |file| {
        fs::remove_file(file).unwrap();
        symlink(file, file).unwrap();
    }),
    ("a FIFO", |file| {
        fs::remove_file(file).unwrap();
        make_fifo(file);
    }),
];

fn make_fifo(file: &Path) {
    assert!(Command::new("mkfifo").arg(file).status().unwrap().success());
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_a_file_the_others_serve_and_it_comes_back_by_itself() {
    for backend in file_backends() {
        let folder = backend.folder.as_ref().unwrap().path();
        let (file, kept) = (folder.join("vault"), folder.join("kept"));
        fs::copy(&file, &kept).unwrap();
        let policy = CompartmentPolicy { cache_entries: 0, ..CompartmentPolicy::default() };
        let fixture = Fixture::new(Arc::clone(&backend.vault), policy);
        fixture.broker.start().await;
        for (fault, break_it) in BREAKS {
            // Half a `.env` file is a valid file with a shorter value.
            if (backend.name, fault) == ("env", "truncated") {
                continue;
            }
            println!("{} × {fault}", backend.name);
            fixture.call("github").await.unwrap();
            break_it(&file);
            for _ in 0..30 {
                let start = Instant::now();
                let failed = fixture.call("github").await;
                assert!(matches!(failed, Err(BrokerError::Unavailable { .. })), "{failed:?}");
                assert!(start.elapsed() <= CompartmentPolicy::default().deadline);
                fixture.call("notes").await.unwrap();
                pass(1).await;
            }
            let status = fixture.status("faulty");
            assert_eq!(status.state, CompartmentState::Down);
            assert!(status.reason.unwrap().contains("vault"), "the reason names the file");
            remove(&file);
            fs::copy(&kept, &file).unwrap();
            pass(8).await;
            fixture.call("github").await.unwrap();
            assert_eq!(fixture.status("faulty").state, CompartmentState::Ready);
        }
        fixture.broker.close().await;
    }
}

/// What replaces a vault's folder.
const IN_PLACE_OF_A_FOLDER: [(&str, Break); 4] = [
    ("nothing", |_| {}),
    ("a file", |folder| fs::write(folder, "garbage").unwrap()),
    ("a link to itself", |folder| symlink(folder, folder).unwrap()),
    ("a FIFO", make_fifo),
];

/// What replaces a mounted key's file.
const IN_PLACE_OF_A_KEY: [(&str, Break); 6] = [
    ("nothing", |_| {}),
    ("an empty file", |key| fs::write(key, "").unwrap()),
    ("no text", |key| fs::write(key, b"\xff\xfe\x00").unwrap()),
    ("a link out of the folder", |key| symlink("/etc/hostname", key).unwrap()),
    ("a folder", |key| fs::create_dir(key).unwrap()),
    ("a FIFO", make_fifo),
];

fn mounted_fixture() -> (Fixture, BackendUnderTest) {
    let backend = mounted();
    let policy = CompartmentPolicy { cache_entries: 0, ..CompartmentPolicy::default() };
    (Fixture::new(Arc::clone(&backend.vault), policy), backend)
}

fn remove(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_mounted_folder_may_go_and_come_back() {
    let (fixture, backend) = mounted_fixture();
    let outside = backend.folder.as_ref().unwrap().path();
    let (folder, kept) = (outside.join("vault"), outside.join("kept"));
    for (what, put) in IN_PLACE_OF_A_FOLDER {
        println!("{what} in place of the folder");
        fixture.call("github").await.unwrap();
        fs::rename(&folder, &kept).unwrap();
        put(&folder);
        for _ in 0..30 {
            let failed = fixture.call("github").await;
            assert!(matches!(failed, Err(BrokerError::Unavailable { .. })), "{what}: {failed:?}");
            fixture.call("notes").await.unwrap();
            pass(1).await;
        }
        let status = fixture.status("faulty");
        assert_eq!(status.state, CompartmentState::Down, "{what}");
        assert!(status.reason.unwrap().contains("vault"), "the reason names the folder");
        remove(&folder);
        fs::rename(&kept, &folder).unwrap();
        pass(8).await;
        fixture.call("github").await.unwrap();
        assert_eq!(fixture.status("faulty").state, CompartmentState::Ready, "{what}");
    }
    fixture.broker.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_mounted_key_that_is_invalid_is_missing_and_its_vault_is_healthy() {
    let (fixture, backend) = mounted_fixture();
    let folder = backend.folder.as_ref().unwrap().path().join("vault");
    let (key, kept) = (folder.join("..1/github.work.token"), folder.join("..1/kept"));
    for (what, put) in IN_PLACE_OF_A_KEY {
        println!("{what} in place of a key");
        fixture.call("github").await.unwrap();
        fs::rename(&key, &kept).unwrap();
        put(&key);
        for _ in 0..10 {
            let failed = fixture.call("github").await;
            assert!(matches!(failed, Err(BrokerError::Missing { .. })), "{what}: {failed:?}");
            fixture.call("notes").await.unwrap();
            assert_eq!(fixture.status("faulty").state, CompartmentState::Ready, "{what}");
            pass(1).await;
        }
        remove(&key);
        fs::rename(&kept, &key).unwrap();
        fixture.call("github").await.unwrap();
    }
    fixture.broker.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_swapped_mount_is_seen_by_the_next_read() {
    let (fixture, backend) = mounted_fixture();
    let folder = backend.folder.as_ref().unwrap().path().join("vault");
    for number in 2..20 {
        let token = format!("token {number}");
        publish(&folder, &format!("..{number}"), &format!("{token}\n"));
        fs::remove_dir_all(folder.join(format!("..{}", number - 1))).unwrap();
        let credential = fixture.call("github").await.unwrap();
        let field = CredentialTemplate::try_from("{token}".to_owned()).unwrap();
        assert_eq!(field.render(&credential).expose_secret(), token);
        assert_eq!(fixture.status("faulty").state, CompartmentState::Ready);
    }
    fixture.broker.close().await;
}

/// A vault on a file system that hangs: each call keeps its thread until the file system responds.
#[derive(Debug)]
struct HangingVault {
    info: VaultInfo,
    threads: Threads,
    works: Arc<(Mutex<bool>, Condvar)>,
}

impl HangingVault {
    fn new() -> Self {
        let threads = Threads::new("hung", 16);
        Self { info: MemoryVault::new("hung").info().clone(), threads, works: Arc::default() }
    }

    fn repair(&self) {
        *self.works.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.works.1.notify_all();
    }

    async fn wait(&self) -> Result<(), VaultError> {
        let works = Arc::clone(&self.works);
        self.threads
            .run(move || {
                let hangs = works.0.lock().unwrap_or_else(PoisonError::into_inner);
                drop(works.1.wait_while(hangs, |works| !*works));
                Ok(())
            })
            .await
    }
}

impl Vault for HangingVault {
    fn info(&self) -> &VaultInfo {
        &self.info
    }

    fn read<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a [FieldName],
        stage: Stage,
    ) -> BoxFuture<'a, Result<Secret, VaultError>> {
        Box::pin(async move {
            self.wait().await?;
            crate::fixture::memory("hung").read(path, fields, stage).await
        })
    }

    fn write<'a>(
        &'a self,
        _: &'a SecretPath,
        _: &'a SecretFields,
        _: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>> {
        unreachable!("the test writes nothing")
    }

    fn delete<'a>(&'a self, _: &'a SecretPath, _: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        unreachable!("the test deletes nothing")
    }

    fn list<'a>(
        &'a self,
        _: Option<&'a SecretPath>,
        _: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        unreachable!("the test lists nothing")
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(self.wait())
    }
}

#[tokio::test(start_paused = true)]
#[expect(
    clippy::disallowed_methods,
    reason = "it shows that the pool, which look-ups of others use, has threads left"
)]
async fn a_hung_file_system_delays_neither_another_vault_nor_a_name() {
    let hung = Arc::new(HangingVault::new());
    let policy = CompartmentPolicy { cache_entries: 0, ..CompartmentPolicy::default() };
    let fixture = Fixture::new(hung.clone(), policy);
    for _ in 0..200 {
        let failed = fixture.call("github").await;
        assert!(matches!(failed, Err(BrokerError::Unavailable { .. })), "{failed:?}");
        let start = Instant::now();
        fixture.call("notes").await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO, "a neighbour waits");
        pass(1).await;
    }
    assert!(hung.threads.count() <= 16 + 2, "{} threads hang", hung.threads.count());
    assert!(tokio::net::lookup_host("localhost:80").await.unwrap().next().is_some());
    hung.repair();
    // The threads finish in real time, not in the time of the paused clock.
    while fixture.call("github").await.is_err() {
        pass(1).await;
        std::thread::yield_now();
    }
    fixture.broker.close().await;
}
