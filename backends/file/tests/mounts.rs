//! Folders in use: swapped by a kubelet while they are read, with links, and with anything in place of a file.
#![allow(clippy::unwrap_used)] // in a test a panic is the report

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::SystemTime;

use cofferdam_vault::testkit::{field, path};
use cofferdam_vault::{ErrorKind, Scope, Stage, Vault, VaultError};
use support::{Mount, open, put, read, token};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("secrets");
    fs::create_dir(&folder).unwrap();
    (dir, folder)
}

#[track_caller]
fn assert_error(result: Result<String, VaultError>, kind: ErrorKind, scope: Scope) -> String {
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.scope()), (kind, scope), "{error}");
    assert!(!error.message().contains("canary"), "{error}");
    error.message().to_owned()
}

async fn listed(vault: &dyn Vault) -> Vec<String> {
    vault.list(None, None).await.unwrap().paths.iter().map(ToString::to_string).collect()
}

/// The two fields of `github/work` in one state.
fn state(prefix: &str, number: usize) -> BTreeMap<String, String> {
    ["username", "password"].map(|name| (format!("{prefix}{name}"), number.to_string())).into()
}

/// How often a folder changes while it is read.
const CHANGES: usize = 300;

/// Makes `CHANGES` changes and reads concurrently, at least once per change: a folder that changes more often might never
/// be read.
fn read_while_changing(change: impl Fn(usize) + Sync, read: impl Fn() + Sync) {
    let (has_read, reads) = channel();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Moved in, so that the reader detects the end of this thread.
            let reads = reads;
            for number in 1..=CHANGES {
                while reads.try_recv().is_ok() {}
                change(number);
                if reads.recv().is_err() {
                    return;
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        scope.spawn(|| {
            let has_read = has_read;
            while !done.load(Ordering::SeqCst) {
                read();
                if has_read.send(()).is_err() {
                    return;
                }
            }
        });
    });
}

/// The values of two fields, on any thread.
fn two_fields(vault: &dyn Vault, at: &str, names: [&str; 2]) -> [usize; 2] {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let secret = runtime.block_on(read(vault, at, &names)).unwrap();
    names.map(|name| secret.expose(&field(name)).unwrap().parse().unwrap())
}

/// Reads while a kubelet publishes. Each read must be consistent, and not older than the state at its start.
fn read_under_swaps(mount: &Path, vault: &dyn Vault, prefix: &str) {
    let published = AtomicUsize::new(0);
    Mount::at(mount).publish(&state(prefix, 0));
    read_while_changing(
        |number| {
            Mount::at(mount).publish(&state(prefix, number));
            published.store(number, Ordering::SeqCst);
        },
        || {
            let floor = published.load(Ordering::SeqCst);
            let [username, password] = two_fields(vault, "github/work", ["username", "password"]);
            assert_eq!(username, password, "two states in one secret");
            assert!(username >= floor, "an old state");
        },
    );
    assert_eq!(two_fields(vault, "github/work", ["username", "password"]), [CHANGES; 2]);
}

#[test]
fn reads_are_consistent_while_the_kubelet_swaps() {
    let (_dir, folder) = folder();
    read_under_swaps(&folder, &*open(&folder), "github.work.");
}

#[test]
fn reads_of_a_nested_volume_and_of_one_with_folders_are_consistent() {
    let (_dir, root) = folder();
    read_under_swaps(&root.join("github/work"), &*open(&root), "");
    let (_dir, root) = folder();
    read_under_swaps(&root, &*open(&root), "github/work/");
}

#[test]
fn reads_of_renamed_files_are_consistent() {
    let (_dir, folder) = folder();
    let vault = open(&folder);
    // `b` is replaced first, so that `a`, which is read first, is never ahead of it.
    let write = |name: &str, number: usize| {
        put(&folder, "pair/work/..new", number.to_string());
        fs::rename(folder.join("pair/work/..new"), folder.join("pair/work").join(name)).unwrap();
    };
    let write_both = |number| {
        write("b", number);
        write("a", number);
    };
    write_both(0);
    read_while_changing(write_both, || {
        let [a, b] = two_fields(&*vault, "pair/work", ["a", "b"]);
        assert!(b == a || b == a + 1, "{a} and {b} never existed together");
    });
}

#[tokio::test]
async fn a_folder_behind_a_link_may_be_swapped() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "1/github.work.token", "one");
    put(dir.path(), "2/github.work.token", "two");
    symlink("1", dir.path().join("secrets")).unwrap();
    let vault = open(&dir.path().join("secrets"));
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "one");
    symlink("2", dir.path().join("new")).unwrap();
    fs::rename(dir.path().join("new"), dir.path().join("secrets")).unwrap();
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "two");
}

#[tokio::test]
async fn links_are_followed_only_inside_the_folder() {
    let (dir, folder) = folder();
    let vault = open(&folder);
    put(dir.path(), "outside/token", "canary");
    put(&folder, "real/one/token", "inside");
    fs::create_dir_all(folder.join("links")).unwrap();
    let link = |to: &Path, name: &str| symlink(to, folder.join("links").join(name)).unwrap();
    link(Path::new("../real/one"), "relative");
    link(&folder.join("real/one"), "absolute");
    link(Path::new("../../outside"), "out");
    link(&dir.path().join("outside"), "out-absolute");
    link(Path::new("nowhere"), "dangling");
    link(Path::new("circle"), "circle");
    for at in ["links/relative", "links/absolute"] {
        assert_eq!(token(&*vault, at).await.unwrap(), "inside", "{at}");
    }
    for at in ["links/out", "links/out-absolute"] {
        let message = assert_error(token(&*vault, at).await, ErrorKind::Malformed, Scope::Secret);
        assert!(message.contains("is a link out of the vault's folder"), "{message}");
    }
    assert_error(token(&*vault, "links/dangling").await, ErrorKind::NotFound, Scope::Secret);
    assert_error(token(&*vault, "links/circle").await, ErrorKind::Malformed, Scope::Secret);
    symlink("../outside/token", folder.join("flat.out.token")).unwrap();
    assert_error(token(&*vault, "flat/out").await, ErrorKind::Malformed, Scope::Secret);
}

#[tokio::test]
async fn one_line_break_at_the_end_is_not_part_of_the_value() {
    let (_dir, folder) = folder();
    let vault = open(&folder);
    for (content, value) in [
        ("t0ken", "t0ken"),
        ("t0ken\n", "t0ken"),
        ("t0ken\r\n", "t0ken"),
        ("t0ken\n\n", "t0ken\n"),
        ("t0ken\r", "t0ken\r"),
        (" t0ken ", " t0ken "),
        ("\n", ""),
        ("-----BEGIN KEY-----\nx\n-----END KEY-----\n", "-----BEGIN KEY-----\nx\n-----END KEY-----"),
    ] {
        put(&folder, "github/work/token", content);
        assert_eq!(token(&*vault, "github/work").await.unwrap(), value, "{content:?}");
    }
    put(&folder, "github/work/token", "");
    assert_error(token(&*vault, "github/work").await, ErrorKind::NotFound, Scope::Secret);
}

#[tokio::test]
async fn an_invalid_file_fails_only_its_own_secret_and_never_hangs() {
    const MIB: usize = 1024 * 1024;
    let (_dir, folder) = folder();
    let vault = open(&folder);
    put(&folder, "other.work.token", "well");
    let file = folder.join("github.work.token");
    let malformed: [(&str, &dyn Fn()); 4] = [
        ("not UTF-8", &|| fs::write(&file, b"canary\xff").unwrap()),
        ("too large", &|| fs::write(&file, vec![b'x'; MIB + 1]).unwrap()),
        ("a folder", &|| fs::create_dir(&file).unwrap()),
        ("a FIFO", &|| assert!(Command::new("mkfifo").arg(&file).status().unwrap().success())),
    ];
    for (what, make) in malformed {
        make();
        let message = assert_error(token(&*vault, "github/work").await, ErrorKind::Malformed, Scope::Secret);
        assert!(message.contains("github.work.token"), "{what}: {message}");
        assert_eq!(token(&*vault, "other/work").await.unwrap(), "well", "{what}");
        vault.probe().await.unwrap();
        if file.is_dir() { fs::remove_dir(&file).unwrap() } else { fs::remove_file(&file).unwrap() }
    }
    fs::write(&file, vec![b'x'; MIB]).unwrap();
    assert_eq!(token(&*vault, "github/work").await.unwrap().len(), MIB, "the maximum size");
}

#[tokio::test]
async fn an_invalid_folder_fails_the_vault() {
    let (dir, folder) = folder();
    let vault = open(&folder);
    fs::remove_dir(&folder).unwrap();
    let broken: [(&str, &dyn Fn()); 4] = [
        ("nothing", &|| {}),
        ("a file", &|| fs::write(&folder, "canary").unwrap()),
        ("a link to itself", &|| symlink("secrets", &folder).unwrap()),
        ("a FIFO", &|| assert!(Command::new("mkfifo").arg(&folder).status().unwrap().success())),
    ];
    for (what, make) in broken {
        make();
        for result in [token(&*vault, "a/b").await, vault.probe().await.map(|()| String::new())] {
            let message = assert_error(result, ErrorKind::Misconfigured, Scope::Vault);
            assert!(message.contains("secrets"), "{what}: {message}");
        }
        if fs::symlink_metadata(&folder).is_ok() {
            fs::remove_file(&folder).unwrap();
        }
    }
    put(dir.path(), "secrets/a/b/token", "back");
    assert_eq!(token(&*vault, "a/b").await.unwrap(), "back");
}

#[tokio::test]
async fn a_field_with_two_files_is_refused() {
    let (_dir, folder) = folder();
    let vault = open(&folder);
    put(&folder, "github/work/token", "canary one");
    put(&folder, "github.work.token", "canary two");
    let message = assert_error(token(&*vault, "github/work").await, ErrorKind::Malformed, Scope::Secret);
    assert!(message.contains("github/work/token and ") && message.contains("github.work.token"), "{message}");
    fs::remove_file(folder.join("github/work/token")).unwrap();
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "canary two");
}

#[tokio::test]
async fn missing_files_are_named() {
    let (_dir, folder) = folder();
    put(&folder, "gcp/work/user", "ada");
    let result = read(&*open(&folder), "gcp/work", &["user", "token", "private.key"]).await;
    let message = assert_error(result.map(|_| String::new()), ErrorKind::NotFound, Scope::Secret);
    let expected = "has no gcp/work/private.key, gcp/work/token or gcp.work.token, or an empty one";
    assert!(message.contains(expected), "{message}");
}

#[tokio::test]
async fn names_that_no_file_system_accepts_are_absent() {
    let (_dir, folder) = folder();
    let long = ["s".repeat(64), "s".repeat(64), "s".repeat(64), "s".repeat(64), "s".repeat(64)].join("/");
    assert_error(token(&*open(&folder), &long).await, ErrorKind::NotFound, Scope::Secret);
}

#[tokio::test]
async fn a_changed_file_is_seen_even_if_its_length_and_time_are_the_same() {
    let (_dir, folder) = folder();
    let (vault, file) = (open(&folder), folder.join("a.b.token"));
    let mut versions = Vec::new();
    for value in ["one", "two", "six"] {
        fs::write(&file, value).unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let secret = read(&*vault, "a/b", &["token"]).await.unwrap();
        assert_eq!(secret.expose(&field("token")), Some(value));
        assert_eq!(read(&*vault, "a/b", &["token"]).await.unwrap().version, secret.version);
        assert!(!versions.contains(&secret.version), "the same version for another value");
        versions.push(secret.version);
    }
    let other = read(&*open(&folder), "a/b", &["token"]).await.unwrap();
    assert!(!versions.contains(&other.version), "a version reveals nothing to another process");
}

#[tokio::test]
async fn only_secrets_are_listed_whatever_links_exist() {
    let (dir, folder) = folder();
    let vault = open(&folder);
    put(dir.path(), "outside/token", "x");
    Mount::at(&folder).publish(&BTreeMap::from([
        ("github.work.token".to_owned(), "x".to_owned()),
        ("github/eu/token".to_owned(), "x".to_owned()),
        ("github/eu/no field".to_owned(), "x".to_owned()),
    ]));
    for name in ["README.md", ".env", "token", "lost+found/x", "Upper/token", "empty/.hidden"] {
        put(&folder, name, "x");
    }
    put(&folder, "real/token", "x");
    for (to, name) in [("..", "around"), (".", "self"), ("../../outside", "outside"), ("nowhere", "gone")] {
        symlink(to, folder.join("real").join(name)).unwrap();
    }
    symlink("real", folder.join("alias")).unwrap();
    assert_eq!(listed(&*vault).await, ["alias", "github/eu", "github/work", "real"]);
    let secret = vault.read(&path("github/eu"), &[], Stage::Current).await.unwrap();
    assert_eq!(secret.fields.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["token"]);
}
