//! The suite that every backend passes, on files that an operator works on with the real `age`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // in a test a panic is the report

mod support;

use std::sync::Arc;

use cofferdam_vault::testkit::{BackendUnderTest, exercise, exercise_settings};
use cofferdam_vault::{BoxFuture, ErrorKind, SecretFields, SecretPath, Vault};
use support::{AgeFolder, put};

struct AgeSubject(AgeFolder);

impl BackendUnderTest for AgeSubject {
    fn open(&self) -> Arc<dyn Vault> {
        self.0.open()
    }

    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.0.edit(|document| put(document, path, fields)) })
    }

    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.0.edit(|document| drop(document.remove(path.as_str()))) })
    }

    fn take_down(&self) -> BoxFuture<'_, ErrorKind> {
        Box::pin(async {
            std::fs::rename(self.0.path("key.txt"), self.0.path("key.away")).unwrap();
            ErrorKind::Misconfigured
        })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { std::fs::rename(self.0.path("key.away"), self.0.path("key.txt")).unwrap() })
    }
}

#[test]
fn the_file_parts_two_vaults() {
    let config = |file: &str| {
        toml::from_str::<cofferdam_vault_age::Config>(&format!("file = '{file}'\nidentity_file = 'k'"))
            .unwrap()
    };
    exercise_settings(&config("a.age"), &config("b.age"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_age_file_keeps_the_contract() {
    exercise(|| async { AgeSubject(AgeFolder::with_empty_vault()) }).await;
}
