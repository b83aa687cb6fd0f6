//! The contract suite and what only Secret Manager has, on a stand-in for Google Cloud.

use std::path::Path;
use std::sync::Arc;

use crate::standin::{Google, id};
use cofferdam_config::{Diagnostics, Severity};
use cofferdam_vault::testkit::{
    BackendUnderTest as _, exercise, exercise_settings, expect_error, field, fields, path,
};
use cofferdam_vault::{
    BackendConfig as _, ErrorKind, Expect, Scope, Secret, Stage, Vault, VaultError, Version,
};
use cofferdam_vault_gcp::Config;

async fn read(vault: &dyn Vault, at: &str, stage: Stage) -> Result<Secret, VaultError> {
    vault.read(&path(at), &[field("token")], stage).await
}

async fn value(vault: &dyn Vault, at: &str, stage: Stage) -> String {
    read(vault, at, stage).await.unwrap().expose(&field("token")).unwrap().to_owned()
}

/// Adds a version of the secret at `at` whose field `token` is `value`.
fn put(server: &Google, at: &str, value: &str) {
    server.put(&id(&path(at)), format!(r#"{{"token": "{value}"}}"#).as_bytes());
}

#[tokio::test]
async fn the_gcp_vault_fulfils_the_contract() {
    exercise(Google::start).await;
}

#[test]
fn the_prefix_parts_two_vaults_over_one_project() {
    let config = |more: &str| {
        toml::from_str::<Config>(&format!("metadata = true\n{more}"))
            .unwrap_or_else(|error| panic!("{error}"))
    };
    exercise_settings(
        &config("project = 'my-project'\nprefix = 'one'"),
        &config("project = 'my-project'\nprefix = 'two'"),
    );
    let base = Path::new("/site");
    let (name, number) =
        (config("project = 'my-project'").store(base), config("project = '123456'").store(base));
    assert!(name.may_be(&number), "an ID and a number may be one project");
    assert!(!name.may_be(&config("project = 'other'").store(base)));
    let private = config("project = 'my-project'\nendpoint = 'https://x.googleapis.com'").store(base);
    assert!(name.may_be(&private), "another endpoint of Google is the same service");
    let listed = config("project = 'my-project'\nsecrets = { 'a/b' = 'github__work' }");
    assert_eq!(listed.names(base, &path("a/b"), &[]), listed.names(base, &path("github/work"), &[]));
}

#[test]
fn each_problem_names_its_key_and_quotes_no_secret() {
    let good = "project = 'my-project'\nprefix = 'team'\ncredentials_file = 'key.json'\n";
    let keys = |text: &str| -> Vec<String> {
        let found = toml::from_str::<Config>(text).unwrap_or_else(|error| panic!("{error}")).check();
        assert!(!format!("{found:?}").contains("canary"), "{found:?}");
        found.into_iter().map(|found| found.key).collect()
    };
    assert_eq!(keys(&format!("{good}secrets = {{ 'a/b' = 'GITHUB_TOKEN' }}")), [""; 0]);
    for (from, to, key) in [
        ("'my-project'", "'My Project'", "project"),
        ("'my-project'", "''", "project"),
        ("'team'", "'a/b'", "prefix"),
        ("'team'", "''", "prefix"),
        ("'key.json'", "''", "credentials_file"),
        ("'key.json'", "'-----BEGIN PRIVATE KEY-----canary'", "credentials_file"),
        ("credentials_file = 'key.json'", "", "credentials_file"),
    ] {
        assert_eq!(keys(&good.replace(from, to)), [key], "{to}");
    }
    for (more, key) in [
        ("metadata = true", "metadata"),
        ("endpoint = 'http://x.example'", "endpoint"),
        ("endpoint = 'https://x.example/v1'", "endpoint"),
        ("login_endpoint = 'https://a:canary@x.example'", "login_endpoint"),
        ("secrets = { 'a/b' = 'a/b' }", "secrets"),
        ("secrets = { 'A' = 'b' }", "secrets"),
    ] {
        assert_eq!(keys(&format!("{good}{more}")), [key], "{more}");
    }
    let ambient = good.replace("credentials_file = 'key.json'", "ambient = true");
    assert_eq!(keys(&ambient), [""; 0]);
    assert!(toml::from_str::<Config>(&format!("{good}access_token = 'x'")).is_err());
}

#[tokio::test]
async fn secrets_of_other_names_are_read_as_plain_strings_and_listed_by_their_paths() {
    let server = Google::start().await;
    server.put("GITHUB_TOKEN", b"plain\n");
    server.put("NOT_A_PATH", b"x");
    put(&server, "notion/work", "n");
    let vault = server.open_with("prefix = 'cofferdam'\nsecrets = { 'github/work' = 'GITHUB_TOKEN' }");
    assert_eq!(value(&*vault, "github/work", Stage::Current).await, "plain\n");
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = vault.list(None, after.as_ref()).await.unwrap();
        listed.extend(page.paths);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    listed.sort();
    assert_eq!(listed, [path("github/work"), path("notion/work")]);
}

#[tokio::test]
async fn the_previous_version_is_the_newest_that_is_enabled() {
    let server = Google::start().await;
    for value in ["one", "two", "three"] {
        put(&server, "github/work", value);
    }
    let vault = server.open();
    let set = |at: usize, state| {
        server.cloud().secrets.get_mut("cofferdam__github__work").unwrap().versions[at].state = state;
    };
    assert_eq!(value(&*vault, "github/work", Stage::Previous).await, "two");
    set(1, "DISABLED");
    assert_eq!(value(&*vault, "github/work", Stage::Previous).await, "one");
    set(0, "DESTROYED");
    expect_error(read(&*vault, "github/work", Stage::Previous).await, ErrorKind::NotFound, Scope::Secret);
    set(0, "ENABLED");
    set(2, "DISABLED");
    let error =
        expect_error(read(&*vault, "github/work", Stage::Current).await, ErrorKind::NotFound, Scope::Secret);
    assert!(error.message().contains("disabled or destroyed"), "{error}");
    assert_eq!(value(&*vault, "github/work", Stage::Previous).await, "one", "the state before the latest");
    vault.write(&path("github/work"), &fields([("token", "four")]), Expect::Absent).await.unwrap();
    assert_eq!(value(&*vault, "github/work", Stage::Current).await, "four");
}

#[tokio::test]
async fn a_secret_that_is_created_again_has_another_version() {
    let server = Google::start().await;
    let vault = server.open();
    put(&server, "github/work", "one");
    let first = read(&*vault, "github/work", Stage::Current).await.unwrap().version;
    server.cloud().secrets.clear();
    put(&server, "github/work", "two");
    let second = read(&*vault, "github/work", Stage::Current).await.unwrap().version;
    let number = |version: &Version| version.as_str().split('.').next().unwrap().to_owned();
    assert_eq!(number(&first), number(&second));
    assert_ne!(first, second);
}

/// The secret is deleted and created again by another program after its ETag was read: a delete of the version before must not
/// remove it.
#[tokio::test]
async fn a_delete_is_guarded_by_the_etag() {
    let server = Google::start().await;
    let vault = server.open();
    put(&server, "github/work", "same");
    let version = read(&*vault, "github/work", Stage::Current).await.unwrap().version;
    // To the stand-in, another ETag is another secret.
    let (cloud, gone) = (Arc::clone(&server.cloud), "cofferdam__github__work");
    let racing = async {
        loop {
            {
                let mut cloud = cloud.lock().unwrap();
                if cloud
                    .seen
                    .iter()
                    .any(|seen| seen == "GET /v1/projects/my-project/secrets/cofferdam__github__work")
                {
                    cloud.secrets.get_mut(gone).unwrap().etag += 1000;
                    return;
                }
            }
            tokio::task::yield_now().await;
        }
    };
    let (at, expect) = (path("github/work"), Expect::Version(version));
    let (deleted, ()) = tokio::join!(vault.delete(&at, expect), racing);
    expect_error(deleted, ErrorKind::Conflict, Scope::Secret);
    assert_eq!(value(&*vault, "github/work", Stage::Current).await, "same", "it was not deleted");
}

#[tokio::test]
async fn a_created_secret_is_labelled_and_an_interrupted_creation_is_completed() {
    let server = Google::start().await;
    let vault = server.open();
    vault.write(&path("github/work"), &fields([("token", "one")]), Expect::Absent).await.unwrap();
    let labels = server.cloud().secrets["cofferdam__github__work"].labels.clone();
    assert_eq!(labels, serde_json::json!({"managed-by": "cofferdam"}));
    server.cloud().secrets.get_mut("cofferdam__github__work").unwrap().versions.clear();
    expect_error(read(&*vault, "github/work", Stage::Current).await, ErrorKind::NotFound, Scope::Secret);
    vault.write(&path("github/work"), &fields([("token", "two")]), Expect::Absent).await.unwrap();
    assert_eq!(value(&*vault, "github/work", Stage::Current).await, "two");
}

#[tokio::test]
async fn a_path_that_is_too_long_for_an_id_is_reported_before_a_request() {
    let server = Google::start().await;
    let long = vec!["a".repeat(64); 4].join("/");
    let error = expect_error(
        read(&*server.open(), &long, Stage::Current).await,
        ErrorKind::Unsupported,
        Scope::Secret,
    );
    assert!(error.message().contains("`secrets`"), "{error}");
    assert_eq!(server.cloud().seen.len(), 0);
}

#[tokio::test]
async fn a_diagnosis_reports_what_else_the_login_may_read() {
    let server = Google::start().await;
    for at in ["github/work", "notes/work"] {
        put(&server, at, "canary");
    }
    server.write_service_account_key();
    let vault = server.open_login("credentials_file = 'key.json'");
    let foreign = ["projects/my-project/secrets/cofferdam__notes__work".to_owned()];
    let diagnose = async || {
        let mut found = Diagnostics::new();
        vault.diagnose(&[path("github/work")], &foreign, &mut found).await;
        found.into_iter().map(|found| (found.severity, found.message.to_string())).collect::<Vec<_>>()
    };
    let said = |found: &[(Severity, String)], severity, text: &str| {
        assert!(
            found.iter().any(|(level, message)| *level == severity && message.contains(text)),
            "{text}: {found:?}"
        );
    };
    let found = diagnose().await;
    said(&found, Severity::Warning, "not verified");
    said(&found, Severity::Warning, "`prefix` is absent");
    said(&found, Severity::Warning, "never expires");
    said(
        &found,
        Severity::Error,
        "secrets of other vaults: projects/my-project/secrets/cofferdam__notes__work",
    );
    #[cfg(unix)]
    said(&found, Severity::Error, "can be read by every user");
    assert!(server.cloud().seen.iter().all(|seen| !seen.contains(":access")), "no secret is read");
    server.cloud().denied.insert("cofferdam__notes__work".to_owned());
    said(&diagnose().await, Severity::Info, "may not read the secrets of other vaults");
}
