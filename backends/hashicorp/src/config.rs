//! The keys of a `[vaults.NAME]` table with `backend = "hashicorp"`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::auth::Auth;

/// Settings of a vault in HashiCorp Vault or OpenBao. Relative paths of files are relative to the profile's file.
// No `Debug`: a secret may have been pasted where a path belongs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The server's base URL, for example `"https://vault.example.internal:8200"`. May have a path, for a server behind a
    /// proxy. Absent: `VAULT_ADDR` if `ambient` is set, else an error.
    pub address: Option<String>,
    /// The mount of the key-value engine. Absent: `"secret"`.
    #[serde(default = "default_mount")]
    pub mount: String,
    /// The folder in `mount` that contains the secrets, for example `"cofferdam"`. Absent: none.
    pub prefix: Option<String>,
    /// The version of the key-value engine, 1 or 2. Version 1 keeps no previous state and has no check-and-set. Absent: 2.
    #[serde(default = "default_kv")]
    pub kv: u8,
    /// The namespace of Vault Enterprise or OpenBao. Absent: `VAULT_NAMESPACE` if `ambient` is set, else the root namespace.
    pub namespace: Option<String>,
    /// A PEM file with the CA certificates to verify the server with; no other CA is trusted then. Absent: `VAULT_CACERT`
    /// if `ambient` is set, else the system's CAs.
    pub ca_file: Option<PathBuf>,
    /// A PEM file with the client certificate. Requires `client_key_file`. Absent: `VAULT_CLIENT_CERT` if `ambient` is set,
    /// else none.
    pub client_cert_file: Option<PathBuf>,
    /// A PEM file with the private key of `client_cert_file`. Absent: `VAULT_CLIENT_KEY` if `ambient` is set, else none.
    pub client_key_file: Option<PathBuf>,
    /// Further base URLs that the server may redirect to (307 and 308 only): the nodes of a cluster whose standbys do not
    /// forward. The token is sent there. Absent or empty: no redirect is followed.
    #[serde(default)]
    pub redirects: Vec<String>,
    /// Paths that are read from another engine, for example `{ "db/ro" = "database/creds/readonly" }`. They cannot be
    /// written and are not listed. Each read creates a lease if the engine does. Absent or empty: none.
    #[serde(default)]
    pub paths: BTreeMap<String, String>,
    /// How this server logs in. Absent: `VAULT_TOKEN` if `ambient` is set, else an error.
    pub auth: Option<Auth>,
    /// Whether absent keys are taken from `VAULT_ADDR`, `VAULT_TOKEN`, `VAULT_NAMESPACE`, `VAULT_CACERT`,
    /// `VAULT_CLIENT_CERT` and `VAULT_CLIENT_KEY`, and proxies from `HTTPS_PROXY` and similar variables. `VAULT_SKIP_VERIFY`
    /// is always ignored. Absent: false, and no variable is read.
    #[serde(default)]
    pub ambient: bool,
    /// Whether addresses may use plain `http` beyond loopback, or contain a user name (`https://user@host`), which is sent as
    /// HTTP basic authentication. Tokens and secrets then cross the network unencrypted. Absent: false.
    #[serde(default)]
    pub insecure_http: bool,
}

fn default_mount() -> String {
    "secret".to_owned()
}

fn default_kv() -> u8 {
    2
}
