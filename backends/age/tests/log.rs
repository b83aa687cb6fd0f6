//! What is logged at `trace`. A test binary of its own, because the log belongs to the whole process.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // in a test a panic is the report

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use cofferdam_vault::testkit::Log;
use support::{AgeFolder, set, token};

#[tokio::test]
async fn an_identity_file_that_others_can_read_is_reported_once_and_no_secret_ever() {
    let log = Log::install();
    let folder = AgeFolder::with_empty_vault();
    fs::set_permissions(folder.path("key.txt"), Permissions::from_mode(0o600)).unwrap();
    let vault = folder.open();
    vault.probe().await.unwrap();
    assert!(!log.contents().contains("WARN"), "{}", log.contents());

    fs::set_permissions(folder.path("key.txt"), Permissions::from_mode(0o644)).unwrap();
    set(&*vault, "a/b", "canary-5f").await.unwrap();
    assert_eq!(token(&*vault, "a/b").await.unwrap(), "canary-5f");
    folder.encrypt("[\"a/b\"]\ntoken = canary-5f\n");
    token(&*vault, "a/b").await.unwrap_err();
    let logged = log.contents();
    assert_eq!(logged.matches("WARN").count(), 1, "{logged}");
    assert!(
        logged.contains("key.txt") && logged.contains("mode 0644") && logged.contains("chmod 600"),
        "{logged}"
    );
    let identity = fs::read_to_string(folder.path("key.txt")).unwrap();
    let identity = identity.lines().last().unwrap();
    assert!(!logged.contains("canary") && !logged.contains(identity), "a secret is in the log");
    assert!(!format!("{vault:?}").contains("canary"));
}
