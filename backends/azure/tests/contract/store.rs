//! The contract suite and what only Key Vault has, on a stand-in for Azure.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::standin::{Azure, CLIENT, TENANT, name};
use cofferdam_config::{Diagnostics, Severity};
use cofferdam_vault::testkit::{
    BackendUnderTest as _, exercise, exercise_settings, expect_error, field, fields, path,
};
use cofferdam_vault::{BackendConfig as _, ErrorKind, Expect, Scope, Secret, Stage, Vault, VaultError};
use cofferdam_vault_azure::Config;
use serde_json::json;

async fn read(vault: &dyn Vault, at: &str, stage: Stage) -> Result<Secret, VaultError> {
    vault.read(&path(at), &[field("token")], stage).await
}

async fn value(vault: &dyn Vault, at: &str, stage: Stage) -> String {
    read(vault, at, stage).await.unwrap().expose(&field("token")).unwrap().to_owned()
}

/// Adds a version of the secret at `at` whose field `token` is `value`.
fn put(server: &Azure, at: &str, value: &str) {
    server.cloud().put(&name(&path(at)), &format!(r#"{{"token": "{value}"}}"#), None);
}

/// Changes an attribute of a version of `github/work`.
fn set(server: &Azure, version: usize, attribute: &str, value: serde_json::Value) {
    let mut cloud = server.cloud();
    let versions = cloud.secrets.get_mut("cofferdam--github--work").unwrap();
    versions[version].attributes.insert(attribute.to_owned(), value);
}

/// Seconds since 1970, `offset` from now.
fn from_now(offset: i64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    now.checked_add_signed(offset).unwrap()
}

#[tokio::test]
async fn the_azure_vault_fulfils_the_contract() {
    exercise(Azure::start).await;
}

#[test]
fn the_prefix_parts_two_vaults_over_one_key_vault() {
    let config = |url: &str, more: &str| {
        toml::from_str::<Config>(&format!("vault_url = '{url}'\nmanaged_identity = true\n{more}"))
            .unwrap_or_else(|error| panic!("{error}"))
    };
    let url = "https://v.vault.azure.net";
    exercise_settings(&config(url, "prefix = 'one'"), &config(url, "prefix = 'two'"));
    let base = Path::new("/site");
    let store = |url| config(url, "").store(base);
    assert!(store(url).may_be(&store("https://V.vault.azure.net/")));
    assert!(!store(url).may_be(&store("https://w.vault.azure.net")));
    let listed = config(url, "secrets = { 'a/b' = 'GitHub--Work' }");
    let names = |at| listed.names(base, &path(at), &[]);
    assert_eq!(names("a/b"), names("github/work"), "the case of a name does not matter");
}

#[test]
fn each_problem_names_its_key_and_quotes_no_secret() {
    let good = format!(
        "vault_url = 'https://v.vault.azure.net'\nprefix = 'team'\ntenant_id = '{TENANT}'\nclient_id = '{CLIENT}'\n\
         token_file = 'token'\n"
    );
    let keys = |text: &str| -> Vec<String> {
        let found = toml::from_str::<Config>(text).unwrap_or_else(|error| panic!("{error}")).check();
        assert!(!format!("{found:?}").contains("canary"), "{found:?}");
        found.into_iter().map(|found| found.key).collect()
    };
    assert_eq!(keys(&format!("{good}secrets = {{ 'a/b' = 'GitHubToken' }}")), [""; 0]);
    let tenant = format!("tenant_id = '{TENANT}'");
    for (from, to, key) in [
        ("https://v.vault.azure.net", "http://v.vault.azure.net", "vault_url"),
        ("https://v.vault.azure.net", "https://v.vault.azure.net/secrets", "vault_url"),
        ("https://v.vault.azure.net", "https://a:canary@v.example", "vault_url"),
        ("'team'", "'a_b'", "prefix"),
        (TENANT, "canary/..", "tenant_id"),
        (tenant.as_str(), "", "tenant_id"),
        ("'token'", "'eyJhbGci.canary.canary'", "token_file"),
        ("token_file = 'token'", "", "client_secret_file"),
    ] {
        assert_eq!(keys(&good.replace(from, to)), [key], "{to}");
    }
    for (more, key) in [
        ("managed_identity = true", "managed_identity"),
        ("client_secret_file = 's'", "token_file"),
        ("login_endpoint = 'ftp://x'", "login_endpoint"),
        ("secrets = { 'a/b' = 'a_b' }", "secrets"),
    ] {
        assert_eq!(keys(&format!("{good}{more}")), [key], "{more}");
    }
    for login in ["managed_identity = true", "ambient = true"] {
        assert_eq!(keys(&format!("vault_url = 'https://v.vault.azure.net'\n{login}")), [""; 0]);
    }
    assert!(toml::from_str::<Config>(&format!("{good}client_secret = 'x'")).is_err());
}

#[tokio::test]
async fn secrets_of_other_names_are_read_as_plain_strings_and_listed_by_their_paths() {
    let server = Azure::start().await;
    server.cloud().put("GitHubToken", "plain\n", None);
    server.cloud().put("other", "x", None);
    put(&server, "notion/work", "n");
    let vault = server.open_with("prefix = 'Cofferdam'\nsecrets = { 'github/work' = 'GitHubToken' }");
    assert_eq!(value(&*vault, "github/work", Stage::Current).await, "plain\n");
    assert_eq!(value(&*vault, "notion/work", Stage::Current).await, "n");
    let mut listed = vault.list(None, None).await.unwrap().paths;
    listed.sort();
    assert_eq!(listed, [path("github/work"), path("notion/work")]);
}

#[tokio::test]
async fn the_previous_version_is_the_newest_that_is_enabled() {
    let server = Azure::start().await;
    for value in ["one", "two", "three"] {
        put(&server, "github/work", value);
    }
    let vault = server.open();
    assert_eq!(value(&*vault, "github/work", Stage::Previous).await, "two");
    set(&server, 1, "enabled", json!(false));
    assert_eq!(value(&*vault, "github/work", Stage::Previous).await, "one");
    set(&server, 0, "exp", json!(from_now(-1)));
    expect_error(read(&*vault, "github/work", Stage::Previous).await, ErrorKind::NotFound, Scope::Secret);

    server.cloud().frozen = true;
    for value in ["four", "five", "six"] {
        put(&server, "github/work", value);
    }
    let error = expect_error(
        read(&*vault, "github/work", Stage::Previous).await,
        ErrorKind::Malformed,
        Scope::Secret,
    );
    assert!(error.message().contains("same second"), "{error}");
    assert_eq!(value(&*vault, "github/work", Stage::Current).await, "six");
}

#[tokio::test]
async fn only_a_version_that_is_valid_now_is_read() {
    let server = Azure::start().await;
    put(&server, "github/work", "one");
    let vault = server.open();
    let left = read(&*vault, "github/work", Stage::Current).await.unwrap().valid_for;
    assert_eq!(left, None);
    set(&server, 0, "exp", json!(from_now(600)));
    let left = read(&*vault, "github/work", Stage::Current).await.unwrap().valid_for.unwrap();
    assert!(left <= Duration::from_secs(600) && left > Duration::from_secs(300), "{left:?}");
    for (attribute, hidden, shown, why) in [
        ("exp", json!(from_now(-1)), json!(from_now(600)), "expired"),
        ("nbf", json!(from_now(600)), json!(from_now(-600)), "not valid yet"),
        ("enabled", json!(false), json!(true), "disabled"),
    ] {
        set(&server, 0, attribute, hidden);
        let result = read(&*vault, "github/work", Stage::Current).await;
        let error = expect_error(result, ErrorKind::NotFound, Scope::Secret);
        assert!(error.message().contains(why), "{error}");
        assert_eq!(vault.list(None, None).await.unwrap().paths, [], "{why}");
        set(&server, 0, attribute, shown);
    }
    set(&server, 0, "enabled", json!(false));
    vault.write(&path("github/work"), &fields([("token", "two")]), Expect::Absent).await.unwrap();
    assert_eq!(value(&*vault, "github/work", Stage::Current).await, "two");
}

#[tokio::test]
async fn a_secret_that_this_vault_deleted_is_written_again_and_never_readable_between() {
    let server = Azure::start().await;
    let vault = server.open();
    let (at, name) = (path("github/work"), "cofferdam--github--work");
    vault.write(&at, &fields([("token", "one")]), Expect::Absent).await.unwrap();
    vault.delete(&at, Expect::Any).await.unwrap();
    assert!(server.cloud().deleted.contains_key(name), "it can be recovered by hand");
    expect_error(read(&*vault, "github/work", Stage::Current).await, ErrorKind::NotFound, Scope::Secret);

    // The recovery has begun, and the write after it did not happen.
    let versions = server.cloud().deleted.remove(name).unwrap();
    server.cloud().secrets.insert(name.to_owned(), versions);
    expect_error(read(&*vault, "github/work", Stage::Current).await, ErrorKind::NotFound, Scope::Secret);
    assert_eq!(vault.list(None, None).await.unwrap().paths, []);
    vault.delete(&at, Expect::Any).await.unwrap();

    vault.write(&at, &fields([("token", "two")]), Expect::Absent).await.unwrap();
    assert_eq!(value(&*vault, "github/work", Stage::Current).await, "two");
    expect_error(read(&*vault, "github/work", Stage::Previous).await, ErrorKind::NotFound, Scope::Secret);

    vault.delete(&at, Expect::Any).await.unwrap();
    server.cloud().in_transition.push(name.to_owned());
    let result = vault.write(&at, &fields([("token", "three")]), Expect::Any).await;
    let error = expect_error(result, ErrorKind::Unavailable, Scope::Secret);
    assert!(error.message().contains("few seconds"), "{error}");
}

#[tokio::test]
async fn a_secret_that_another_program_deleted_blocks_its_name() {
    let server = Azure::start().await;
    put(&server, "github/work", "old");
    let versions = server.cloud().secrets.remove("cofferdam--github--work").unwrap();
    server.cloud().deleted.insert("cofferdam--github--work".to_owned(), versions);
    let vault = server.open();
    for expect in [Expect::Any, Expect::Absent] {
        let result = vault.write(&path("github/work"), &fields([("token", "new")]), expect).await;
        let error = expect_error(result, ErrorKind::Unsupported, Scope::Secret);
        assert!(error.message().contains("recover") && error.message().contains("purge"), "{error}");
    }
    assert!(server.cloud().secrets.is_empty(), "it was not recovered");
    vault.delete(&path("github/work"), Expect::Any).await.unwrap();
}

#[tokio::test]
async fn a_path_that_is_too_long_for_a_name_is_reported_before_a_request() {
    let server = Azure::start().await;
    let long = vec!["a".repeat(64); 2].join("/");
    let result = read(&*server.open(), &long, Stage::Current).await;
    let error = expect_error(result, ErrorKind::Unsupported, Scope::Secret);
    assert!(error.message().contains("`secrets`"), "{error}");
    assert_eq!(server.cloud().seen.len(), 0);
}

#[tokio::test]
async fn a_diagnosis_reports_what_expires_and_what_else_the_login_may_read() {
    let server = Azure::start().await;
    for number in 0..20 {
        put(&server, &format!("filler/a{number}"), "canary");
    }
    for at in ["github/work", "notes/work"] {
        put(&server, at, "canary");
    }
    set(&server, 0, "exp", json!(from_now(2 * 24 * 3600)));
    let login = format!("tenant_id = '{TENANT}'\nclient_id = '{CLIENT}'\nclient_secret_file = 'secret'");
    server.write_file("secret", "canary+secret ~");
    let vault = server.open_login(&format!("{login}\nprefix = 'cofferdam'"));
    let notes = format!("{}/secrets/cofferdam--notes--work", server.address);
    let foreign = [notes, "https://elsewhere.vault.azure.net/secrets/x".to_owned()];
    let diagnose = async |vault: &dyn Vault| {
        let mut found = Diagnostics::new();
        vault.diagnose(&[path("github/work"), path("absent/work")], &foreign, &mut found).await;
        let all = found.into_iter();
        all.map(|found| (found.severity, format!("{} {}", found.key, found.message))).collect::<Vec<_>>()
    };
    let said = |found: &[(Severity, String)], severity, text: &str| {
        assert!(
            found.iter().any(|(level, message)| *level == severity && message.contains(text)),
            "{text}: {found:?}"
        );
    };
    let found = diagnose(&*vault).await;
    said(&found, Severity::Warning, "not verified");
    said(&found, Severity::Warning, "github/work expires in 1d 23h");
    said(&found, Severity::Error, "secrets of other vaults: cofferdam--notes--work");
    #[cfg(unix)]
    said(&found, Severity::Error, "can be read by every user");
    server.cloud().denied.push("cofferdam--notes--work".to_owned());
    server.cloud().may_list = false;
    let found = diagnose(&*vault).await;
    said(&found, Severity::Info, "may not read the secrets of other vaults");
    said(&found, Severity::Warning, "may not list secrets");
    said(&diagnose(&*server.open_login(&login)).await, Severity::Warning, "`prefix` is absent");
}
