//! No secret is logged, printed, or visible to other users of the machine.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // in a test a panic is the report

mod support;

use std::fs;

use cofferdam_vault::Expect;
use cofferdam_vault::testkit::{Log, fields, path};
use support::{open, token};

const CANARY: &str = "canary-5f2e hunter two";

/// Prints everything that it knows to its standard error, and records what `ps` would show of it.
const STORE: &str = r#"
cat "/proc/$$/cmdline" "/proc/$$/environ" >>seen
case "$1" in
    read) cat stored; echo "all is $(cat stored), the value is $(sed 's/.*"token":"\([^"]*\)".*/\1/' stored)" >&2 ;;
    write) cat >stored; echo "stored: $(cat stored)" >&2 ;;
    fail) echo "cannot print ghp_16C7e42F292c6912E7710c838347Ae178B4a: no key" >&2; exit 9 ;;
esac
"#;

#[tokio::test]
async fn no_secret_is_logged_or_shown() {
    let log = Log::install();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("store.sh"), STORE).unwrap();
    let command = |operation: &str| format!("['/bin/sh', 'store.sh', '{operation}', '{{path}}']");
    let settings = format!(
        "read = {}\nwrite = {}\ndelete = {}\nenv = ['HOME']",
        command("read"),
        command("write"),
        command("delete")
    );
    let vault = open(&settings, folder.path());
    let at = path("github/work");
    vault.write(&at, &fields([("token", CANARY)]), Expect::Any).await.unwrap();
    assert_eq!(token(&*vault, "github/work").await.unwrap(), CANARY);
    let failing = open(&format!("read = {}", command("fail")), folder.path());
    let error = token(&*failing, "github/work").await.unwrap_err();
    let printed = format!("{error:?} {vault:?} {:?}", vault.info());

    let seen = String::from_utf8_lossy(&fs::read(folder.path().join("seen")).unwrap()).into_owned();
    assert!(seen.contains("store.sh") && seen.contains("HOME="), "{seen}");
    let logged = log.contents();
    assert!(logged.contains("the value is"), "its standard error is logged: {logged}");
    assert!(logged.contains("cannot print") && logged.contains("no key"), "{logged}");
    for text in [&seen, &logged, &printed] {
        for secret in ["canary", "hunter", "ghp_"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}
