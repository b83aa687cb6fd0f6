//! Every format, edits by hand, and what a write leaves as it was.

use cofferdam_vault::testkit::{BackendUnderTest as _, fields, path};
use cofferdam_vault::{ErrorKind, Expect, Scope, Vault};

use super::fixture::{Documents, token};

const JSON: &str = r#"{"github/work": {"token": "t0ken"}, "notes/work": {"token": "n0tes"}}"#;
const KEY: &str = "age_key_file = 'key.txt'";

async fn refused(vault: &dyn Vault, at: &str) -> (ErrorKind, Scope) {
    let error = token(vault, at).await.unwrap_err();
    (error.kind(), error.scope())
}

#[tokio::test]
async fn each_format_is_read_and_only_yaml_and_json_are_written() {
    let ini = "[github/work]\ntoken = t0ken\n";
    for (file, content, from, can_write) in [
        ("secrets.yaml", JSON, "json", true),
        ("secrets.json", JSON, "json", true),
        ("secrets.ini", ini, "ini", false),
        ("secrets.env", "GITHUB_WORK_TOKEN=t0ken\n", "dotenv", false),
    ] {
        let documents = Documents::new(file, content, from);
        let vault = documents.open();
        assert_eq!(token(&*vault, "github/work").await.unwrap(), "t0ken", "{file}");
        assert_eq!(refused(&*vault, "github/home").await, (ErrorKind::NotFound, Scope::Secret), "{file}");
        let before = documents.encrypted();
        let written = vault.write(&path("github/work"), &fields([("token", "new")]), Expect::Any).await;
        if can_write {
            written.unwrap();
            assert_eq!(token(&*vault, "github/work").await.unwrap(), "new", "{file}");
        } else {
            assert_eq!(written.unwrap_err().kind(), ErrorKind::ReadOnly, "{file}");
            assert_eq!(documents.encrypted(), before, "{file}");
        }
    }
}

#[tokio::test]
async fn a_write_changes_one_secret_of_the_document_and_leaves_no_file_behind() {
    let documents = Documents::new("secrets.enc.yaml", JSON, "json");
    let before = documents.encrypted();
    documents.open().write(&path("github/work"), &fields([("token", "new")]), Expect::Any).await.unwrap();
    let after = documents.encrypted();
    assert!(!after.contains("new"), "it is encrypted");
    let removed: Vec<&str> = before.lines().filter(|line| !after.contains(line)).map(str::trim).collect();
    let changed = removed.iter().filter_map(|line| Some(line.split_once(':')?.0));
    // It has the same time if both writes were in one second.
    let changed: Vec<&str> = changed.filter(|name| *name != "lastmodified").collect();
    assert_eq!(changed, ["token", "mac"], "{removed:?}");
    let mut names: Vec<String> = std::fs::read_dir(documents.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["key.txt", "secrets.enc.yaml"]);
}

#[tokio::test]
async fn an_edit_by_hand_is_noticed_and_has_a_new_version() {
    let documents = Documents::new("secrets.enc.yaml", JSON, "json");
    let vault = documents.open();
    let at = path("github/work");
    let version = async || vault.read(&at, &[], cofferdam_vault::Stage::Current).await.unwrap().version;
    let first = version().await;
    documents.seed(&at, &fields([("token", "edited")])).await;
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "edited");
    assert_ne!(version().await, first);
    let written = vault.write(&at, &fields([("token", "written")]), Expect::Any).await.unwrap();
    documents.seed(&path("notes/work"), &fields([("token", "edited")])).await;
    assert_eq!(version().await, written, "an edit of another secret does not matter");
}

#[tokio::test]
async fn diagnose_names_the_recipients_and_what_is_in_plain_text() {
    let json = r#"{"github/work": {"token": "t", "token_unencrypted": "canary"}}"#;
    let documents = Documents::new("secrets.enc.yaml", json, "json");
    let mut found = cofferdam_config::Diagnostics::new();
    documents.open_with(KEY).diagnose(&[path("github/work")], &[], &mut found).await;
    let printed = format!("{found:?}");
    assert!(printed.contains(&documents.recipient()), "{printed}");
    assert!(printed.contains("token_unencrypted") && !printed.contains("canary"), "{printed}");
    assert!(found.has_errors());
}
