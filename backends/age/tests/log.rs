//! What the log is told, at its most talkative. A test binary of its own: the log belongs to the whole process.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // in a test a panic is the report

mod support;

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use support::{Site, set, token};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_identity_file_that_others_can_read_is_reported_once_and_no_secret_ever() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let site = Site::with_empty_vault();
    fs::set_permissions(site.path("key.txt"), Permissions::from_mode(0o600)).unwrap();
    let vault = site.open();
    vault.probe().await.unwrap();
    assert!(!log.text().contains("WARN"), "{}", log.text());

    fs::set_permissions(site.path("key.txt"), Permissions::from_mode(0o644)).unwrap();
    set(&*vault, "a/b", "canary-5f").await.unwrap();
    assert_eq!(token(&*vault, "a/b").await.unwrap(), "canary-5f");
    site.encrypt("[\"a/b\"]\ntoken = canary-5f\n");
    token(&*vault, "a/b").await.unwrap_err();
    let told = log.text();
    assert_eq!(told.matches("WARN").count(), 1, "{told}");
    assert!(told.contains("key.txt") && told.contains("mode 0644") && told.contains("chmod 600"), "{told}");
    let identity = fs::read_to_string(site.path("key.txt")).unwrap();
    let identity = identity.lines().last().unwrap();
    assert!(!told.contains("canary") && !told.contains(identity), "a secret is in the log");
    assert!(!format!("{vault:?}").contains("canary"));
}
