//! The contract suite and everything else on a stand-in for a Connect server.
//!
//! The stand-in follows version 1.7.1 of the published API description: bearer tokens (401), tokens for some vaults (403),
//! the filter `title eq "…"`, errors of the shape `{"status", "message"}`, and items that leave empty values
//! out. Like a real one, it returns vaults and items in the order in which they were created.
#![allow(clippy::unwrap_used, clippy::panic)] // in a test a panic is the report

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cofferdam_config::{Diagnostics, Severity};
use cofferdam_vault::testkit::{
    BackendUnderTest, Log, exercise, exercise_settings, expect_error, field, fields, open, path,
};
use cofferdam_vault::{
    BackendConfig as _, BoxFuture, ErrorKind, ExposeSecret as _, Scope, Secret, SecretFields, SecretPath,
    Stage, Vault, VaultError,
};
use cofferdam_vault_onepassword::Config;
use serde_json::{Value, json};
use tempfile::TempDir;

const TEAM: &str = "team0000000000000000000000";
const OTHER: &str = "other000000000000000000000";

/// What a Connect server knows.
#[derive(Default)]
struct Account {
    /// Vaults by ID, with the title.
    vaults: Vec<(&'static str, &'static str)>,
    /// The vaults that the token reaches.
    reached: Vec<&'static str>,
    items: Vec<Value>,
    token: String,
    created: u32,
    /// A response in place of every other.
    instead: Option<(u16, String)>,
    seen: Vec<(String, HeaderMap)>,
}

/// A stand-in for a Connect server, with a token that reaches the vault `Team`.
struct Connect {
    address: String,
    account: Arc<Mutex<Account>>,
    folder: TempDir,
}

impl Connect {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            account: Arc::default(),
            folder: tempfile::tempdir().unwrap(),
        };
        let mut account = server.account();
        account.vaults = vec![(TEAM, "Team"), (OTHER, "Other")];
        account.reached = vec![TEAM];
        drop(account);
        server.issue("canary-token");
        let account = Arc::clone(&server.account);
        let router = Router::new().fallback(move |uri: Uri, headers: HeaderMap| async move {
            account.lock().unwrap().respond(&uri, headers)
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap()
    }

    /// Replaces the token, here and in the file.
    fn issue(&self, token: &str) {
        self.account().token = token.to_owned();
        fs::write(self.folder.path().join("token"), format!("{token}\n")).unwrap();
    }

    fn settings(&self, more: &str) -> String {
        format!("address = '{}'\ntoken_file = 'token'\n{more}", self.address)
    }

    fn open_with(&self, more: &str) -> Arc<dyn Vault> {
        open::<Config>(&self.settings(more), self.folder.path())
    }

    /// Creates an item in the vault `Team`, and returns its ID.
    fn create(&self, title: &str, fields: Value, sections: Value) -> String {
        let mut account = self.account();
        account.created += 1;
        let id = format!("{:a>26}", account.created);
        account.items.push(json!({
            "id": id, "title": title, "version": 1, "vault": {"id": TEAM}, "category": "API_CREDENTIAL",
            "sections": sections, "fields": fields, "createdAt": "2026-11-30T00:00:00Z",
        }));
        id
    }

    /// The paths of the requests so far, without queries.
    fn requests(&self) -> Vec<String> {
        self.account().seen.iter().map(|(asked, _)| asked.clone()).collect()
    }
}

fn failure(status: u16, message: &str) -> Response {
    let body = json!({"status": status, "message": message}).to_string();
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

impl Account {
    fn respond(&mut self, uri: &Uri, headers: HeaderMap) -> Response {
        self.seen.push((uri.path().to_owned(), headers.clone()));
        if let Some((status, body)) = &self.instead {
            let status = StatusCode::from_u16(*status).unwrap();
            return (status, [(header::RETRY_AFTER, "7")], body.clone()).into_response();
        }
        if uri.path() == "/heartbeat" {
            return ".".into_response();
        }
        if headers[header::AUTHORIZATION] != format!("Bearer {}", self.token) {
            return failure(401, "Invalid token signature");
        }
        let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let filters: BTreeMap<String, String> = query.into_owned().collect();
        let filter = |title: &Value| match filters.get("filter") {
            None => true,
            Some(filter) => *filter == format!("title eq {title}"),
        };
        let segments: Vec<&str> = uri.path().trim_start_matches('/').split('/').collect();
        let vault = |id: &str| self.vaults.iter().find(|vault| vault.0 == id);
        match segments.as_slice() {
            ["v1", "vaults"] => {
                let reached = self.vaults.iter().filter(|(id, _)| self.reached.contains(id));
                let all: Vec<Value> =
                    reached.map(|(id, name)| json!({"id": id, "name": name, "items": 3})).collect();
                Value::from(all).to_string().into_response()
            }
            ["v1", "vaults", id, ..] if vault(id).is_none() => failure(404, &format!("vault {id} not found")),
            ["v1", "vaults", id, ..] if !self.reached.contains(id) => {
                failure(403, &format!("vault {id} is not in scope"))
            }
            ["v1", "vaults", id, "items"] => {
                let wanted = |item: &&Value| item["vault"]["id"] == *id && filter(&item["title"]);
                let summary = |item: &Value| {
                    let mut item = item.clone();
                    item.as_object_mut()
                        .unwrap()
                        .retain(|key, _| !["fields", "sections"].contains(&key.as_str()));
                    item
                };
                Value::from_iter(self.items.iter().filter(wanted).map(summary)).to_string().into_response()
            }
            ["v1", "vaults", _, "items", id] => match self.items.iter().find(|item| item["id"] == *id) {
                Some(item) => item.to_string().into_response(),
                None => failure(404, &format!("item {id} not found")),
            },
            _ => failure(404, "not found"),
        }
    }
}

/// A field as Connect returns it: without a value if that is empty.
fn api_field(label: &str, value: &str, section: Option<&str>) -> Value {
    let mut field = json!({"id": format!("id of {label}"), "type": "CONCEALED", "label": label});
    if !value.is_empty() {
        field["value"] = json!(value);
    }
    if let Some(section) = section {
        field["section"] = json!({"id": section});
    }
    field
}

impl BackendUnderTest for Connect {
    fn open(&self) -> Arc<dyn Vault> {
        self.open_with("vault = 'Team'")
    }

    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()> {
        let fields: Vec<Value> = fields
            .iter()
            .map(|(name, value)| api_field(name.as_str(), value.expose_secret(), None))
            .collect();
        let mut account = self.account();
        let known = account.items.iter_mut().find(|item| item["title"] == path.as_str());
        if let Some(item) = known {
            item["version"] = json!(item["version"].as_u64().unwrap() + 1);
            item["fields"] = Value::from(fields);
        } else {
            drop(account);
            self.create(path.as_str(), Value::from(fields), json!([]));
        }
        Box::pin(async {})
    }

    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()> {
        self.account().items.retain(|item| item["title"] != path.as_str());
        Box::pin(async {})
    }

    fn take_down(&self) -> BoxFuture<'_, ErrorKind> {
        self.account().instead = Some((503, String::new()));
        Box::pin(async { ErrorKind::Unavailable })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        self.account().instead = None;
        Box::pin(async {})
    }

    fn holds_empty_values(&self) -> bool {
        false
    }
}

async fn read(vault: &dyn Vault, at: &str, name: &str) -> Result<Secret, VaultError> {
    vault.read(&path(at), &[field(name)], Stage::Current).await
}

async fn value(vault: &dyn Vault, at: &str, name: &str) -> String {
    read(vault, at, name).await.unwrap().expose(&field(name)).unwrap().to_owned()
}

async fn diagnose(vault: &dyn Vault, foreign: &[String]) -> Vec<(Severity, String)> {
    let mut found = Diagnostics::new();
    vault.diagnose(&[path("github/work")], foreign, &mut found).await;
    found.into_iter().map(|found| (found.severity, found.message.to_string())).collect()
}

#[tokio::test]
async fn the_connect_vault_fulfils_the_contract() {
    exercise(Connect::start).await;
}

#[test]
fn the_vault_parts_two_vaults_over_one_server() {
    let config = |more: &str| {
        toml::from_str::<Config>(&format!("address = 'https://c.example'\ntoken_file = 't'\n{more}"))
            .unwrap_or_else(|error| panic!("{error}"))
    };
    exercise_settings(&config("vault = 'Team'"), &config("vault = 'Other'"));
    let base = std::path::Path::new("/site");
    let (title, id) =
        (config("vault = 'Team'").store(base), config(&format!("vault = '{TEAM}'")).store(base));
    assert!(title.may_be(&id), "a title and an ID may be one vault");
    let mapped = config("vault = 'Team'\nitems = { 'a/b' = 'github/work' }");
    assert_eq!(mapped.names(base, &path("a/b"), &[]), mapped.names(base, &path("github/work"), &[]));
}

#[test]
fn each_problem_names_its_key_and_quotes_no_secret() {
    let good = "address = 'https://c.example'\ntoken_file = 't'\nvault = 'Team'\n";
    let keys = |text: &str| -> Vec<String> {
        let found = toml::from_str::<Config>(text).unwrap_or_else(|error| panic!("{error}")).check();
        assert!(!format!("{found:?}").contains("canary"), "{found:?}");
        found.into_iter().map(|found| found.key).collect()
    };
    let more = "ca_file = 'ca'\nitems = { 'github/work' = 'GitHub – bot' }";
    assert_eq!(keys(&format!("{good}{more}")), [""; 0]);
    for (from, to, key) in [
        ("https://c.example", "http://c.example", "address"),
        ("https://c.example", "https://a:canary@c.example", "address"),
        ("'t'", "'eyJhbGci.canary.canary'", "token_file"),
        ("'t'", "''", "token_file"),
        ("'Team'", "' '", "vault"),
        ("'Team'", "'a\" or title pr \"'", "vault"),
    ] {
        assert_eq!(keys(&good.replace(from, to)), [key], "{to}");
    }
    for (more, key) in [
        ("ca_file = ''", "ca_file"),
        ("items = { 'Bad' = 'x' }", "items"),
        ("items = { 'a/b' = 'x\\y' }", "items"),
    ] {
        assert_eq!(keys(&format!("{good}{more}")), [key], "{more}");
    }
    assert!(toml::from_str::<Config>(&format!("{good}token = 'x'")).is_err());
}

#[tokio::test]
async fn a_title_leads_to_one_item_or_to_an_error() {
    let server = Connect::start().await;
    let token = |value: &str| json!([api_field("token", value, None)]);
    server.create("github/work", token("first"), json!([]));
    let vault = server.open();
    assert_eq!(value(&*vault, "github/work", "token").await, "first");
    let second = server.create("github/work", token("second"), json!([]));
    let error =
        expect_error(read(&*vault, "github/work", "token").await, ErrorKind::Malformed, Scope::Secret);
    assert!(error.message().contains("more than once"), "{error}");
    assert_eq!(vault.list(None, None).await.unwrap().paths, [path("github/work")]);

    let by_id = server.open_with(&format!("vault = 'Team'\nitems = {{ 'github/work' = '{second}' }}"));
    assert_eq!(value(&*by_id, "github/work", "token").await, "second");

    server.account().items[0]["state"] = json!("ARCHIVED");
    assert_eq!(value(&*vault, "github/work", "token").await, "second", "an archived item does not count");
}

#[tokio::test]
async fn items_of_other_titles_are_read_and_listed_by_their_paths() {
    let server = Connect::start().await;
    let id = server.create("GitHub – bot", json!([api_field("token", "one", None)]), json!([]));
    server.create("Not a path", json!([]), json!([]));
    for item in ["GitHub – bot", &id] {
        let vault = server.open_with(&format!("vault = 'Team'\nitems = {{ 'github/work' = '{item}' }}"));
        assert_eq!(value(&*vault, "github/work", "token").await, "one");
        assert_eq!(vault.list(None, None).await.unwrap().paths, [path("github/work")]);
    }
    let vault = server.open_with("vault = 'Team'\nitems = { 'a/b' = 'absent' }");
    expect_error(read(&*vault, "a/b", "token").await, ErrorKind::NotFound, Scope::Secret);
    assert_eq!(vault.list(None, None).await.unwrap().paths, []);
}

#[tokio::test]
async fn a_field_is_named_by_its_label_and_by_its_section_if_there_are_several() {
    let server = Connect::start().await;
    let sections = json!([{"id": "s1", "label": "prod"}, {"id": "s2", "label": "test"}, {"id": "add more", "label": ""}]);
    let (prod, test) = (Some("s1"), Some("s2"));
    let all = json!([
        api_field("token", "p", prod),
        api_field("token", "t", test),
        api_field("user", "ada", prod),
        api_field("notesPlain", "", None),
    ]);
    server.create("github/work", all, sections.clone());
    let vault = server.open();
    for (name, expected) in [("prod.token", "p"), ("test.token", "t"), ("user", "ada")] {
        assert_eq!(value(&*vault, "github/work", name).await, expected);
    }
    let error =
        expect_error(read(&*vault, "github/work", "token").await, ErrorKind::Malformed, Scope::Secret);
    assert!(error.message().contains("SECTION.token"), "{error}");
    expect_error(read(&*vault, "github/work", "notesPlain").await, ErrorKind::NotFound, Scope::Secret);
    let secret = vault.read(&path("github/work"), &[], Stage::Current).await.unwrap();
    let expected = fields([("prod.token", "p"), ("test.token", "t"), ("user", "ada")]);
    assert!(secret.fields.keys().eq(expected.keys()), "{secret:?}");

    for (at, section) in [("clash/same", prod), ("clash/none", None), ("clash/untitled", Some("add more"))] {
        let clash = json!([
            api_field("token", "a", prod),
            api_field("token", "b", section),
            api_field("user", "c", None),
        ]);
        server.create(at, clash, sections.clone());
        assert_eq!(value(&*vault, at, "user").await, "c", "other fields stay usable");
        expect_error(read(&*vault, at, "token").await, ErrorKind::Malformed, Scope::Secret);
        let all = vault.read(&path(at), &[], Stage::Current).await;
        expect_error(all, ErrorKind::Malformed, Scope::Secret);
    }
    expect_error(read(&*vault, "clash/same", "prod.token").await, ErrorKind::Malformed, Scope::Secret);
    assert_eq!(value(&*vault, "clash/none", "prod.token").await, "a");
}

#[tokio::test]
async fn each_id_in_the_settings_saves_a_request() {
    let server = Connect::start().await;
    let id = server.create("github/work", json!([api_field("token", "one", None)]), json!([]));
    let (vaults, items) = ("/v1/vaults".to_owned(), format!("/v1/vaults/{TEAM}/items"));
    let item = format!("{items}/{id}");
    for (more, expected) in [
        ("vault = 'Team'".to_owned(), vec![vaults, items.clone(), item.clone()]),
        (format!("vault = '{TEAM}'"), vec![items, item.clone()]),
        (format!("vault = '{TEAM}'\nitems = {{ 'github/work' = '{id}' }}"), vec![item]),
    ] {
        server.account().seen.clear();
        assert_eq!(value(&*server.open_with(&more), "github/work", "token").await, "one");
        assert_eq!(server.requests(), expected, "{more}");
    }
}

#[tokio::test]
async fn a_vault_that_the_token_does_not_reach_is_misconfigured() {
    let server = Connect::start().await;
    for vault in ["Other", OTHER, "Nowhere", "nowhere0000000000000000000"] {
        let vault = server.open_with(&format!("vault = '{vault}'"));
        expect_error(vault.probe().await, ErrorKind::Misconfigured, Scope::Vault);
        expect_error(read(&*vault, "github/work", "token").await, ErrorKind::Misconfigured, Scope::Vault);
        expect_error(vault.list(None, None).await, ErrorKind::Misconfigured, Scope::Vault);
    }
    server.account().vaults.push(("twin0000000000000000000000", "Team"));
    server.account().reached.push("twin0000000000000000000000");
    let error = expect_error(server.open().probe().await, ErrorKind::Misconfigured, Scope::Vault);
    assert!(error.message().contains("several vaults"), "{error}");
    assert_eq!(server.open_with(&format!("vault = '{TEAM}'")).probe().await, Ok(()));
}

#[tokio::test]
async fn a_new_token_is_used_at_once() {
    let server = Connect::start().await;
    server.create("github/work", json!([api_field("token", "one", None)]), json!([]));
    let vault = server.open();
    assert_eq!(value(&*vault, "github/work", "token").await, "one");
    server.account().token = "revoked".to_owned();
    let error = expect_error(vault.probe().await, ErrorKind::Unauthenticated, Scope::Vault);
    assert!(!error.message().contains("canary"), "{error}");
    server.issue("canary-new");
    assert_eq!(value(&*vault, "github/work", "token").await, "one");
    fs::remove_file(server.folder.path().join("token")).unwrap();
    expect_error(read(&*vault, "github/work", "token").await, ErrorKind::Misconfigured, Scope::Vault);
}

#[tokio::test]
async fn each_status_has_its_kind_and_scope_and_no_body_is_quoted() {
    let server = Connect::start().await;
    server.create("github/work", json!([api_field("token", "one", None)]), json!([]));
    let by_title = server.open();
    let by_id = server.open_with(&format!("vault = '{TEAM}'\nitems = {{ 'm/a' = '{TEAM}' }}"));
    let canary = json!({"status": 500, "message": "canary"}).to_string();
    let html = "<html>canary</html>".to_owned();
    for (status, body, kind) in [
        (401, &canary, ErrorKind::Unauthenticated),
        (403, &canary, ErrorKind::Misconfigured),
        (429, &canary, ErrorKind::Throttled),
        (500, &canary, ErrorKind::Unavailable),
        (502, &html, ErrorKind::Unavailable),
        (302, &html, ErrorKind::Misconfigured),
        (404, &html, ErrorKind::Malformed),
        (400, &canary, ErrorKind::Malformed),
        (200, &html, ErrorKind::Malformed),
        (200, &"x".repeat(17 * 1024 * 1024), ErrorKind::Malformed),
    ] {
        server.account().instead = Some((status, body.clone()));
        let error = expect_error(read(&*by_id, "m/a", "token").await, kind, Scope::Vault);
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        assert_eq!(error.retry_after(), (status == 429).then_some(Duration::from_secs(7)), "{status}");
        // Without an ID, the first request is a listing, for which 403 means nothing.
        let kind = if status == 403 { ErrorKind::Malformed } else { kind };
        expect_error(by_title.probe().await, kind, Scope::Vault);
    }
    let absent = json!({"status": 404, "message": "canary"}).to_string();
    server.account().instead = Some((404, absent));
    expect_error(read(&*by_id, "m/a", "token").await, ErrorKind::NotFound, Scope::Secret);
    expect_error(by_id.probe().await, ErrorKind::Malformed, Scope::Vault);
}

#[tokio::test]
async fn a_diagnosis_reports_what_else_the_token_reaches() {
    let server = Connect::start().await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::Permissions::from_mode(0o644);
        fs::set_permissions(server.folder.path().join("token"), mode).unwrap();
    }
    let vault = server.open();
    let said = |found: &[(Severity, String)], severity, text: &str| {
        found.iter().any(|(level, message)| *level == severity && message.contains(text))
    };
    let found = diagnose(&*vault, &[]).await;
    assert!(said(&found, Severity::Warning, "not verified"), "{found:?}");
    #[cfg(unix)]
    assert!(said(&found, Severity::Error, "can be read by every user"), "{found:?}");
    assert!(said(&found, Severity::Warning, "not a JWT"), "{found:?}");
    assert!(said(&found, Severity::Info, "no other vault"), "{found:?}");
    assert!(server.account().seen.iter().all(|(asked, _)| !asked.contains("items")), "no secret is read");

    server.issue(&format!("eyJ.{}.canary", URL_SAFE_NO_PAD.encode(r#"{"exp":1}"#)));
    server.account().reached.push(OTHER);
    let found = diagnose(&*vault, &[]).await;
    assert!(said(&found, Severity::Error, "the token has expired"), "{found:?}");
    assert!(said(&found, Severity::Warning, "also reaches \"Other\""), "{found:?}");
    for other in ["vault = 'Other'".to_owned(), format!("vault = '{OTHER}'")] {
        let foreign: Vec<String> =
            server.open_with(&other).resource(&path("notes/work")).into_iter().collect();
        let found = diagnose(&*vault, &foreign).await;
        assert!(said(&found, Severity::Error, "another vault of this profile: \"Other\""), "{found:?}");
    }
    let elsewhere = ["https://other.example Other".to_owned()];
    assert!(!said(&diagnose(&*vault, &elsewhere).await, Severity::Error, "another vault"));
}

#[tokio::test]
async fn neither_log_nor_debug_holds_the_token_or_a_secret() {
    let (log, _guard) = Log::of_this_thread();
    let server = Connect::start().await;
    server.create("github/work", json!([api_field("token", "canary-value", None)]), json!([]));
    let vault = server.open();
    let mut shown = format!("{:?}", vault.probe().await);
    assert_eq!(value(&*vault, "github/work", "token").await, "canary-value");
    shown += &format!("{vault:#?} {:?}", read(&*vault, "github/work", "token").await);
    shown += &format!("{:?}", diagnose(&*vault, &[]).await);
    server.account().token = "revoked".to_owned();
    shown += &format!("{:?}", vault.probe().await);
    vault.close().await;
    let logged = log.contents();
    assert!(logged.contains("TRACE") && logged.contains("hyper"), "it contains the logs of the client");
    assert!(!logged.contains("canary"), "a secret is in the log");
    assert!(!shown.contains("canary"), "a secret is in Debug");
}
