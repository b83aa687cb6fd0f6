//! The file is changed, removed, broken, replaced, locked or made inaccessible by others, and the vault is never reopened.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // in a test a panic is the report

mod support;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::task::Poll;
use std::time::Duration;

use cofferdam_vault::testkit::{fields, path};
use cofferdam_vault::{BackendConfig, ErrorKind, Expect, Scope, Threads, VaultContext, VaultError};
use support::{AgeFolder, config, leftovers, set, token, version};

/// The user id of `nobody`.
const NOBODY: u32 = 65534;
const PLAINTEXT: &str = "[\"github/work\"]\ntoken = \"canary-11\"\n";

fn mode(folder: &AgeFolder, name: &str) -> u32 {
    fs::metadata(folder.path(name)).unwrap().mode() & 0o7777
}

#[track_caller]
fn expect_refusal(error: &VaultError, kind: ErrorKind, scope: Scope, hint: &str) {
    assert_eq!((error.kind(), error.scope()), (kind, scope), "{error}");
    assert!(error.message().contains(hint), "{error}");
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn a_missing_file_is_created_by_the_first_write_for_its_owner_alone() {
    let folder = AgeFolder::new();
    let vault = folder.open_with("file = 'deep/er/v.age'\nidentity_file = 'key.txt'");
    let hint = "cofferdam secret set";
    expect_refusal(&vault.probe().await.unwrap_err(), ErrorKind::Misconfigured, Scope::Vault, hint);
    expect_refusal(&token(&*vault, "a/b").await.unwrap_err(), ErrorKind::Misconfigured, Scope::Vault, hint);
    vault.delete(&path("a/b"), Expect::Any).await.unwrap();
    let stale = Expect::Version(cofferdam_vault::Version::new("stale"));
    let lost = vault.write(&path("a/b"), &fields([("token", "t")]), stale).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Conflict);
    assert!(!folder.path("deep").exists(), "nothing but a write that may succeed creates anything");
    set(&*vault, "a/b", "t").await.unwrap();
    assert_eq!(token(&*vault, "a/b").await.unwrap(), "t");
    for (name, expected) in
        [("deep", 0o700), ("deep/er", 0o700), ("deep/er/v.age", 0o600), ("deep/er/v.age.lock", 0o600)]
    {
        assert_eq!(mode(&folder, name), expected, "{name}");
    }
}

#[tokio::test]
async fn a_change_by_someone_else_is_noticed_even_where_the_times_are_set_back() {
    let folder = AgeFolder::new();
    folder.encrypt(PLAINTEXT);
    let vault = folder.open();
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "canary-11");
    let before = version(&*vault, "github/work").await;
    let times = fs::metadata(folder.path("v.age")).unwrap().modified().unwrap();
    folder.encrypt(&PLAINTEXT.replace("11", "22"));
    File::options().write(true).open(folder.path("v.age")).unwrap().set_modified(times).unwrap();
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "canary-22");
    assert_ne!(version(&*vault, "github/work").await, before);
}

#[tokio::test]
async fn a_removed_file_comes_back() {
    let folder = AgeFolder::new();
    folder.encrypt(PLAINTEXT);
    let vault = folder.open();
    vault.probe().await.unwrap();
    fs::rename(folder.path("v.age"), folder.path("away")).unwrap();
    let error = token(&*vault, "github/work").await.unwrap_err();
    expect_refusal(&error, ErrorKind::Misconfigured, Scope::Vault, "vault file");
    fs::rename(folder.path("away"), folder.path("v.age")).unwrap();
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "canary-11");
}

#[tokio::test]
async fn another_identity_is_noticed_too() {
    let folder = AgeFolder::new();
    folder.encrypt(PLAINTEXT);
    let vault = folder.open();
    vault.probe().await.unwrap();
    fs::rename(folder.path("key.txt"), folder.path("away")).unwrap();
    folder.make_key("key.txt");
    let error = token(&*vault, "github/work").await.unwrap_err();
    expect_refusal(&error, ErrorKind::Misconfigured, Scope::Vault, "identity does not decrypt");
    fs::rename(folder.path("away"), folder.path("key.txt")).unwrap();
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "canary-11");
}

#[tokio::test]
async fn a_damaged_file_is_malformed_wherever_it_is_damaged_and_is_never_overwritten() {
    let folder = AgeFolder::new();
    folder.encrypt(PLAINTEXT);
    let whole = fs::read(folder.path("v.age")).unwrap();
    let vault = folder.open();
    let header = whole.windows(5).position(|window| window == b"\n--- ").unwrap();
    let damages = (0..whole.len()).step_by(7).map(|length| whole[..length].to_vec());
    let flips = [header + 8, header + 60, whole.len() - 1].into_iter().map(|at| {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        damaged
    });
    let others = [b"hello\n".to_vec(), vec![0; 4096], b"-----BEGIN AGE ENCRYPTED FILE-----\n????\n".to_vec()];
    for damaged in damages.chain(flips).chain(others) {
        fs::write(folder.path("v.age"), &damaged).unwrap();
        let error = token(&*vault, "github/work").await.unwrap_err();
        expect_refusal(&error, ErrorKind::Malformed, Scope::Vault, "not a valid age file");
        let error = set(&*vault, "a/b", "t").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert!(fs::read(folder.path("v.age")).unwrap() == damaged);
    }
    folder.encrypt("[\"github/work\"]\ntoken = canary\n");
    let error = token(&*vault, "github/work").await.unwrap_err();
    expect_refusal(&error, ErrorKind::Malformed, Scope::Vault, "line 2, column");
    fs::write(folder.path("v.age"), &whole).unwrap();
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "canary-11");
}

#[tokio::test]
async fn what_is_no_regular_file_answers_at_once() {
    let folder = AgeFolder::with_empty_vault();
    let vault = folder.open();
    vault.probe().await.unwrap();
    for name in ["v.age", "key.txt"] {
        fs::rename(folder.path(name), folder.path("away")).unwrap();
        // The FIFO has no writer, so opening it to read in the usual way would block forever.
        assert!(Command::new("mkfifo").arg(folder.path(name)).status().unwrap().success());
        let answer = tokio::time::timeout(Duration::from_secs(30), vault.probe()).await.expect("it hangs");
        expect_refusal(&answer.unwrap_err(), ErrorKind::Misconfigured, Scope::Vault, "not a regular file");
        set(&*vault, "a/b", "t").await.unwrap_err();
        fs::remove_file(folder.path(name)).unwrap();
        fs::create_dir(folder.path(name)).unwrap();
        let error = vault.probe().await.unwrap_err();
        expect_refusal(&error, ErrorKind::Misconfigured, Scope::Vault, "not a regular file");
        fs::remove_dir(folder.path(name)).unwrap();
        fs::rename(folder.path("away"), folder.path(name)).unwrap();
        vault.probe().await.unwrap();
    }
}

#[tokio::test]
async fn a_file_beyond_the_limit_is_not_read() {
    let folder = AgeFolder::new();
    File::create(folder.path("v.age")).unwrap().set_len((16 << 20) + 1).unwrap();
    let error = folder.open().probe().await.unwrap_err();
    expect_refusal(&error, ErrorKind::Misconfigured, Scope::Vault, "larger than 16777216 bytes");
    let folder = AgeFolder::with_empty_vault();
    let before = fs::read(folder.path("v.age")).unwrap();
    let huge = fields([("token", &*"x".repeat(16 << 20))]);
    let error = folder.open().write(&path("a/b"), &huge, Expect::Any).await.unwrap_err();
    expect_refusal(&error, ErrorKind::Unsupported, Scope::Secret, "was not written");
    assert_eq!(fs::read(folder.path("v.age")).unwrap(), before);
}

#[tokio::test]
async fn a_link_to_the_vault_file_outlasts_a_write() {
    let folder = AgeFolder::with_empty_vault();
    fs::create_dir(folder.path("store")).unwrap();
    fs::rename(folder.path("v.age"), folder.path("store/real.age")).unwrap();
    symlink("store/real.age", folder.path("v.age")).unwrap();
    symlink("store/new.age", folder.path("dangling.age")).unwrap();
    set(&*folder.open(), "a/b", "t").await.unwrap();
    let dangling = folder.open_with("file = 'dangling.age'\nidentity_file = 'key.txt'");
    set(&*dangling, "a/b", "u").await.unwrap();
    for (link, text) in [("v.age", "t"), ("dangling.age", "u")] {
        assert!(fs::symlink_metadata(folder.path(link)).unwrap().is_symlink(), "{link}");
        let vault = folder.open_with(&format!("file = '{link}'\nidentity_file = 'key.txt'"));
        assert_eq!(token(&*vault, "a/b").await.unwrap(), text);
    }
    assert_eq!(leftovers(&folder.path("store")), ["new.age", "new.age.lock", "real.age", "real.age.lock"]);
}

#[tokio::test]
async fn a_write_keeps_mode_and_owner() {
    let folder = AgeFolder::with_empty_vault();
    fs::set_permissions(folder.path("v.age"), Permissions::from_mode(0o640)).unwrap();
    let is_root = fs::metadata(folder.folder()).unwrap().uid() == 0;
    if is_root {
        // Only the superuser can give a file away; anyone else keeps what is his own.
        chown(folder.path("v.age"), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let before = fs::metadata(folder.path("v.age")).unwrap();
    set(&*folder.open(), "a/b", "t").await.unwrap();
    for name in ["v.age", "v.age.lock"] {
        let after = fs::metadata(folder.path(name)).unwrap();
        assert_eq!(
            (after.mode(), after.uid(), after.gid()),
            (before.mode(), before.uid(), before.gid()),
            "{name}"
        );
    }
    assert_ne!(
        fs::metadata(folder.path("v.age")).unwrap().ino(),
        before.ino(),
        "it was replaced, not overwritten"
    );
}

#[tokio::test]
async fn leftovers_of_killed_writers_go_and_files_of_others_stay() {
    let folder = AgeFolder::with_empty_vault();
    for name in [".v.age.00ff.cofferdam-tmp", ".other.age.00ff.cofferdam-tmp", ".v.age.notes", "v.age.bak"] {
        fs::write(folder.path(name), "x").unwrap();
    }
    set(&*folder.open(), "a/b", "t").await.unwrap();
    assert_eq!(leftovers(folder.folder()), [".other.age.00ff.cofferdam-tmp", ".v.age.notes", "v.age.bak"]);
}

/// How many handles this process has on a file.
#[cfg(target_os = "linux")]
fn handles_on(folder: &AgeFolder, name: &str) -> usize {
    let path = folder.path(name).canonicalize().unwrap();
    let handles = fs::read_dir("/proc/self/fd").expect("this test looks at /proc").flatten();
    handles.filter(|handle| fs::read_link(handle.path()).is_ok_and(|target| target == path)).count()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_cancelled_write_stops_waiting_for_the_lock_of_another_process() {
    let folder = AgeFolder::new();
    folder.encrypt(PLAINTEXT);
    let lock = File::create(folder.path("v.age.lock")).unwrap();
    lock.lock().unwrap();
    let before = fs::read(folder.path("v.age")).unwrap();
    // With one thread, no read can run while the writer has it.
    let vault = config("file = 'v.age'\nidentity_file = 'key.txt'").into_vault(VaultContext {
        name: "notes".to_owned(),
        base_dir: folder.folder().to_owned(),
        threads: Threads::new("notes", 1),
        prompt: None,
    });
    let expected = fields([("token", "t")]);
    let at = path("a/b");
    let mut write = vault.write(&at, &expected, Expect::Any);
    let started = std::future::poll_fn(|context| Poll::Ready(write.as_mut().poll(context))).await;
    assert!(started.is_pending());
    while handles_on(&folder, "v.age.lock") < 2 {
        tokio::task::yield_now().await;
    }
    drop(write);
    // Much longer than the pause between two tries, and shorter than the writer's timeout.
    let read = tokio::time::timeout(Duration::from_secs(5), token(&*vault, "github/work")).await;
    assert_eq!(read.expect("the writer still has the thread").unwrap(), "canary-11");
    assert_eq!(fs::read(folder.path("v.age")).unwrap(), before);
    drop(lock);
    set(&*vault, "a/b", "t").await.unwrap();
}

#[tokio::test]
async fn comments_order_and_hand_made_layout_outlast_a_write() {
    let folder = AgeFolder::new();
    let plaintext = "# the team's tokens\n\n[\"b/one\"] # first\ntoken = 'x' # rotated in May\nother = \"\"\"o\"\"\"\n\n# second\n[\"a/two\"]\ntoken = \"y\"\n";
    folder.encrypt(plaintext);
    let vault = folder.open();
    let untouched = version(&*vault, "a/two").await;
    let one = fields([("token", "new"), ("other", "o")]);
    vault.write(&path("b/one"), &one, Expect::Any).await.unwrap();
    let after = folder.decrypt();
    assert!(
        after.starts_with(&plaintext.replace("'x'", "\"new\"").replace("\"\"\"o\"\"\"", "\"o\"")),
        "{after}"
    );
    assert_ne!(version(&*vault, "a/two").await, untouched, "added by hand: its first salt is new");
    let salted = version(&*vault, "a/two").await;
    set(&*vault, "b/one", "again").await.unwrap();
    set(&*vault, "c/three", "z").await.unwrap();
    vault.delete(&path("b/one"), Expect::Any).await.unwrap();
    assert_eq!(version(&*vault, "a/two").await, salted, "a neighbour's writes do not concern it");
    let after = folder.decrypt();
    assert!(after.find("[_cofferdam]") > after.find("[\"c/three\"]"), "the salts come last: {after}");
    assert_eq!(after.matches("b/one").count(), 0, "nothing of a deleted secret stays: {after}");
}

#[tokio::test]
async fn an_edit_by_hand_changes_the_version_though_the_salt_stays() {
    let folder = AgeFolder::with_empty_vault();
    let vault = folder.open();
    let before = set(&*vault, "a/b", "by us").await.unwrap();
    let other = set(&*vault, "a/c", "by us").await.unwrap();
    folder.edit(|document| document["a/b"]["token"] = toml_edit::value("by hand"));
    assert_ne!(version(&*vault, "a/b").await, before);
    assert_eq!(version(&*vault, "a/c").await, other);
    let lost =
        vault.write(&path("a/b"), &fields([("token", "t")]), Expect::Version(before)).await.unwrap_err();
    expect_refusal(&lost, ErrorKind::Conflict, Scope::Secret, "read it again");
}

/// Not a test: a process without the superuser's rights, which modes do not bind.
#[tokio::test]
#[ignore = "what_may_not_be_read_or_written_says_so starts it"]
async fn forbidden_process() {
    let Ok(folder) = std::env::var("COFFERDAM_TEST_FOLDER") else { return };
    let folder = std::path::Path::new(&folder);
    let open = |file: &str, key: &str| {
        support::open(folder, &format!("file = '{file}'\nidentity_file = '{key}'"), None)
    };
    let error = token(&*open("closed.age", "key.txt"), "github/work").await.unwrap_err();
    expect_refusal(&error, ErrorKind::Misconfigured, Scope::Vault, "vault file");
    let error = token(&*open("v.age", "closed.txt"), "github/work").await.unwrap_err();
    expect_refusal(&error, ErrorKind::Misconfigured, Scope::Vault, "identity file");
    let vault = open("v.age", "key.txt");
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "canary-11");
    expect_refusal(
        &set(&*vault, "a/b", "t").await.unwrap_err(),
        ErrorKind::ReadOnly,
        Scope::Secret,
        "cannot be written",
    );
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "canary-11");
}

#[test]
fn what_may_not_be_read_or_written_says_so() {
    let folder = AgeFolder::new();
    folder.encrypt(PLAINTEXT);
    fs::copy(folder.path("v.age"), folder.path("closed.age")).unwrap();
    fs::copy(folder.path("key.txt"), folder.path("closed.txt")).unwrap();
    // A copy of the program is in the folder, because `nobody` may not have access to the target directory.
    fs::copy(std::env::current_exe().unwrap(), folder.path("program")).unwrap();
    let modes =
        [("v.age", 0o644), ("key.txt", 0o644), ("closed.age", 0), ("closed.txt", 0), ("program", 0o755)];
    for (name, mode) in modes {
        fs::set_permissions(folder.path(name), Permissions::from_mode(mode)).unwrap();
    }
    fs::set_permissions(folder.folder(), Permissions::from_mode(0o555)).unwrap();
    let mut command = Command::new(folder.path("program"));
    command.args(["--ignored", "--exact", "forbidden_process"]).env("COFFERDAM_TEST_FOLDER", folder.folder());
    if fs::metadata(folder.folder()).unwrap().uid() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.current_dir("/").output().unwrap();
    fs::set_permissions(folder.folder(), Permissions::from_mode(0o755)).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
