//! A profile from the text to the diagnostics that are printed.

mod backends;
mod bad;
mod hostile;
mod overrides;
mod schema;
mod shipped;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use cofferdam_config::{Diagnostic, Diagnostics};
use cofferdam_vault::testkit::MemoryVault;
use cofferdam_vault::{BackendConfig, FieldName, SecretPath, StoreIdentity, Vault, VaultContext};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::*;
use crate::broker::CompartmentPolicy;
use crate::broker::backends::{ALL, Backend, Compiled};
use crate::manifest::ManifestLibrary;

/// A backend with every kind of key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // some keys are there for their schema only
struct StoreConfig {
    /// Where it is.
    address: String,
    /// A port.
    #[serde(default)]
    port: Option<u16>,
    /// How we log in.
    #[serde(default)]
    auth: Option<Auth>,
    /// Whether two secrets may share one name.
    #[serde(default)]
    cramped: bool,
}

/// How we log in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
#[allow(dead_code)] // as above
enum Auth {
    /// By role.
    Approle {
        /// The role.
        role_id: String,
        /// A file with the secret id.
        secret_id_file: String,
    },
    /// By token.
    Token {
        /// A file with the token.
        token_file: String,
    },
}

impl BackendConfig for StoreConfig {
    const BACKEND: &'static str = "store";

    fn check(&self) -> Diagnostics {
        let wrong = !self.address.starts_with("https://");
        let problem = || Diagnostic::error("address", "not an https address", "write https://…");
        wrong.then(problem).into_iter().collect()
    }

    const PARTED_BY: &'static str = "address";

    fn store(&self, _: &Path) -> StoreIdentity {
        StoreIdentity::new([Some(self.address.clone())])
    }

    fn names(&self, _: &Path, path: &SecretPath, fields: &[FieldName]) -> Vec<String> {
        match self.cramped {
            true => fields.iter().map(FieldName::to_string).collect(),
            false => vec![path.to_string()],
        }
    }

    fn refuses_users(&self) -> Option<&'static str> {
        self.cramped.then_some("it is cramped")
    }

    fn into_vault(self, _: VaultContext) -> Arc<dyn Vault> {
        Arc::new(MemoryVault::new("store"))
    }
}

const BACKENDS: &[Backend] = &[
    Backend { name: "safe", compiled: None },
    Backend { name: "store", compiled: Some(Compiled::new::<StoreConfig>()) },
];

/// The catalogue, and the manifest `broken`.
static MANIFESTS: LazyLock<ManifestLibrary> =
    LazyLock::new(|| ManifestLibrary::from_files([("m/broken.toml", "junk")]));

fn source(text: &str) -> Source {
    Source::new("p", PathBuf::from("p.toml"), Path::new("/site"), text.to_owned())
}

static SCHEMA: LazyLock<Value> = LazyLock::new(|| crate::profile::schema::of_backends(BACKENDS));
static SCHEMA_OF_ALL: LazyLock<Value> = LazyLock::new(schema);

/// Both phases, for vaults with the test backends.
fn load(source: &Source, overrides: &Overrides) -> Result<Profile, ProfileError> {
    draft::parse_with(source, overrides, BACKENDS, &SCHEMA)?.check(&MANIFESTS)
}

/// Both phases, for vaults with the real backends.
fn load_real(source: &Source, overrides: &Overrides) -> Result<Profile, ProfileError> {
    draft::parse_with(source, overrides, ALL, &SCHEMA_OF_ALL)?.check(&MANIFESTS)
}

fn load_text(text: &str) -> Result<Profile, ProfileError> {
    load(&source(text), &Overrides::default())
}

/// The diagnostics about a profile, as they are printed.
fn problems(text: &str) -> Vec<String> {
    let error = load_text(text).map(|_| ()).expect_err("this profile is valid");
    error.report().lines().map(str::to_owned).collect()
}

/// A profile without a mistake.
const GOOD: &str = r#"
[vaults.main]
backend = "store"
address = "https://store.example"

[modules.github]
vault = "main"
"#;

#[test]
fn an_absent_key_has_its_default() {
    let profile = load_text(GOOD).unwrap();
    assert_eq!(profile.base_dir, Path::new("/site"));
    assert_eq!(profile.vaults[0].name, "main");
    assert_eq!(profile.vaults[0].backend, "store");
    assert_eq!(profile.vaults[0].policy, CompartmentPolicy::default());
    let module = &profile.modules[0];
    assert_eq!((module.vault.as_str(), module.manifest.as_str()), ("main", "github"));
    assert_eq!(module.accounts.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(), ["default"]);
    assert_eq!((module.path.to_string().as_str(), module.insecure_http), ("{module}/{account}", false));
    assert_eq!((module.in_flight, module.queue), (None, None));
    assert_eq!(profile.server.listen.to_string(), "127.0.0.1:7080");
    assert_eq!(profile.server.call_timeout.as_secs(), 60);
    assert!(profile.warnings.is_empty(), "{:?}", profile.warnings);
}

#[test]
fn settings_arrive_in_the_order_of_the_file() {
    let profile = load_text(
        r#"
        [server]
        listen = "[::1]:0"
        modules_dir = "mine"
        max_calls = 5
        max_connections = 50
        max_connections_per_peer = 7
        connection_age = "10m"
        [access]
        trusted_proxies = ["10.0.0.0/8", "2001:db8::7"]
        [vaults.z]
        backend = "store"
        address = "https://z.example"
        breaker = { failures = 9 }
        cache_ttl = "0s"
        auth = { method = "approle", role_id = "r", secret_id_file = "f" }
        [vaults.a]
        backend = "store"
        address = "https://a.example"
        [modules.zeta]
        vault = "z"
        manifest = "github"
        [[modules.zeta.accounts]]
        name = "work"
        base_url = "https://zeta.example/api"
        [[modules.zeta.accounts]]
        name = "home"
        [modules.alpha]
        vault = "a"
        manifest = "github"
        accounts = ["one", { name = "two" }]
        path = "team/{user}/{module}/{account}"
        "#,
    )
    .unwrap();
    assert_eq!(profile.vaults.iter().map(|vault| vault.name.as_str()).collect::<Vec<_>>(), ["z", "a"]);
    assert_eq!(profile.vaults[0].policy.breaker.failures, 9);
    assert_eq!(profile.vaults[0].policy.breaker.window.as_secs(), 10);
    assert!(profile.vaults[0].policy.cache_ttl.is_zero());
    assert_eq!(
        profile.modules.iter().map(|module| module.name.as_str()).collect::<Vec<_>>(),
        ["zeta", "alpha"]
    );
    assert_eq!(
        profile.modules[0].accounts[0].base_url.as_ref().unwrap().as_str(),
        "https://zeta.example/api"
    );
    assert_eq!(profile.modules[1].accounts[1].name, "two");
    assert_eq!(profile.server.modules_dir.as_deref(), Some(Path::new("/site/mine")));
    assert_eq!((profile.server.listen.port(), profile.server.max_calls), (0, 5));
    assert_eq!(
        (profile.server.max_connections, profile.server.max_connections_per_peer),
        (Some(50), Some(7))
    );
    assert_eq!(profile.server.connection_age.as_secs(), 600);
    let proxies: Vec<_> = profile.access.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["10.0.0.0/8", "2001:db8::7/128"]);
}

#[test]
fn an_unused_vault_is_a_warning() {
    let spare = "[vaults.spare]\nbackend = \"store\"\naddress = \"https://x.example\"\n";
    let profile = load_text(&format!("{GOOD}{spare}")).unwrap();
    let warnings: Vec<_> = profile.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["p.toml:8:9  warning: vaults.spare: no module uses this vault; remove it, or use it in a module"]
    );
    let nothing = load_text("").unwrap();
    assert!(nothing.warnings.to_string().contains("no modules"));
}

#[test]
fn a_problem_is_one_line_for_people_and_an_object_for_machines() {
    let error = load_text("[server]\nlisten = 1\n").unwrap_err();
    assert_eq!(error.to_string(), "profile \"p\" has 1 problem");
    let found = serde_json::to_value(&error).unwrap();
    assert_eq!(
        found,
        serde_json::json!({ "profile": "p", "problems": [{
            "origin": { "kind": "file", "name": "p.toml" }, "line": 2, "column": 10, "key": "server.listen",
            "message": "must not be a number", "remedy": "write a string in double quotes", "severity": "error",
        }] })
    );
}
