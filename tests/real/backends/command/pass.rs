//! The preset `pass` with pass and GnuPG.

use std::fs;

use cofferdam_vault::testkit::{BackendUnderTest as _, exercise, fields, path};
use cofferdam_vault::{ErrorKind, Expect, Scope};

use super::fixture::{Gnupg, PasswordStore, open, token};

#[tokio::test]
async fn pass_fulfils_the_contract() {
    let gnupg = Gnupg::new();
    exercise(async || PasswordStore::new(&gnupg)).await;
}

#[tokio::test]
async fn entries_of_ones_own_are_read_by_a_read_of_ones_own() {
    let store = PasswordStore::new(&Gnupg::new());
    store.pass(&["insert", "--multiline", "work/github/token"], b"t0ken\n");
    let program = store.program(&cofferdam_servers::pass().unwrap(), store.gnupg());
    let read = format!(
        "preset = 'pass'\nread = ['{}', 'show', '{{account}}/{{module}}/{{field}}']",
        program.display()
    );
    let vault = open(&read, store.folder());
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "t0ken");
    let error = token(&*vault, "github/home").await.unwrap_err();
    assert_eq!((error.kind(), error.scope()), (ErrorKind::NotFound, Scope::Secret), "{error}");
    let write = vault.write(&path("github/work"), &fields([("token", "new")]), Expect::Any).await;
    assert_eq!(write.unwrap_err().kind(), ErrorKind::ReadOnly);
}

#[tokio::test]
async fn a_key_that_is_missing_and_a_damaged_entry_are_told_from_a_missing_secret() {
    let store = PasswordStore::new(&Gnupg::new());
    let at = path("github/work");
    store.seed(&at, &fields([("token", "t0ken")])).await;
    let pass = cofferdam_servers::pass().unwrap();
    let empty = tempfile::tempdir().unwrap();
    let without_key = store.open_preset(&store.program(&pass, empty.path()));
    let error = token(&*without_key, "github/work").await.unwrap_err();
    assert_eq!((error.kind(), error.scope()), (ErrorKind::Unavailable, Scope::Vault), "{error}");
    assert!(error.message().contains("locked"), "{error}");

    let vault = store.open_preset(&store.program(&pass, store.gnupg()));
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "t0ken");
    fs::write(store.store().join("cofferdam/github/work.gpg"), "damaged").unwrap();
    let error = token(&*vault, "github/work").await.unwrap_err();
    assert_eq!((error.kind(), error.scope()), (ErrorKind::Unavailable, Scope::Vault), "{error}");
}
