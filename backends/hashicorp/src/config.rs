//! The keys of a `[vaults.NAME]` table with `backend = "hashicorp"`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cofferdam_config::Diagnostics;
use cofferdam_vault::{BackendConfig, Vault, VaultContext};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::auth::Auth;
use crate::backend::HashicorpVault;
use crate::check;
use crate::settings::{self, Settings};

/// Settings of a vault in HashiCorp Vault or OpenBao. Relative paths of files are relative to the profile's file.
// No `Debug`: a secret may have been pasted where a path belongs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The server, for example `"https://vault.example.internal:8200"`; a path in it is kept, for a server behind a proxy.
    /// Absent: `VAULT_ADDR` where `ambient` is set, else an error.
    pub address: Option<String>,
    /// Where the key-value engine is mounted. Absent: `"secret"`.
    #[serde(default = "default_mount")]
    pub mount: String,
    /// The folder in `mount` that the secrets lie in, for example `"cofferdam"`. Absent: none.
    pub prefix: Option<String>,
    /// The version of the key-value engine, 1 or 2. Version 1 keeps no earlier state and cannot check and set. Absent: 2.
    #[serde(default = "default_kv")]
    pub kv: u8,
    /// The namespace of Vault Enterprise or OpenBao that everything lies in. Absent: `VAULT_NAMESPACE` where `ambient` is
    /// set, else the root namespace.
    pub namespace: Option<String>,
    /// A PEM file with the certificates of the authorities that the server's certificate may come from; no other is
    /// then trusted. Absent: `VAULT_CACERT` where `ambient` is set, else the system's.
    pub ca_file: Option<PathBuf>,
    /// A PEM file with the certificate that this client shows. Needs `client_key_file`. Absent: `VAULT_CLIENT_CERT` where
    /// `ambient` is set, else none.
    pub client_cert_file: Option<PathBuf>,
    /// A PEM file with the private key of `client_cert_file`. Absent: `VAULT_CLIENT_KEY` where `ambient` is set, else none.
    pub client_key_file: Option<PathBuf>,
    /// Further addresses that the server may redirect to (307 and 308 only): the nodes of a cluster whose standbys do not
    /// forward. The token goes there. Absent or empty: redirects are followed nowhere.
    #[serde(default)]
    pub redirects: Vec<String>,
    /// Paths that are read from another engine, for example `{ "db/ro" = "database/creds/readonly" }`. They cannot be
    /// written and are not listed. Each read of one creates a lease where the engine does. Absent or empty: none.
    #[serde(default)]
    pub paths: BTreeMap<String, String>,
    /// How this server logs in. Absent: `VAULT_TOKEN` where `ambient` is set, else an error.
    pub auth: Option<Auth>,
    /// Whether what the profile leaves out is taken from `VAULT_ADDR`, `VAULT_TOKEN`, `VAULT_NAMESPACE`, `VAULT_CACERT`,
    /// `VAULT_CLIENT_CERT` and `VAULT_CLIENT_KEY`, and proxies from `HTTPS_PROXY` and its like. `VAULT_SKIP_VERIFY` never
    /// counts. Absent: false, and no variable is looked at.
    #[serde(default)]
    pub ambient: bool,
    /// Whether addresses may be plain `http` beyond loopback, or name a user (`https://user@host`), sent as HTTP basic
    /// authentication. Tokens and secrets then cross the network in the clear. Absent: false.
    #[serde(default)]
    pub insecure_http: bool,
}

fn default_mount() -> String {
    "secret".to_owned()
}

fn default_kv() -> u8 {
    2
}

impl BackendConfig for Config {
    const BACKEND: &'static str = "hashicorp";

    fn check(&self) -> Diagnostics {
        check::problems(self)
    }

    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault> {
        let settings = Settings::new(self, &context, &settings::process_variable);
        Arc::new(HashicorpVault::new(settings, &context))
    }
}
