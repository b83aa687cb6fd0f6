//! The tables `[server]` and `[modules.NAME]` as they stand in a profile, before they are checked.
//!
//! What is written here ends up in the profile's JSON schema: each key's documentation says its default, and what zero
//! and absent mean.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::broker::PathTemplate;

/// How the server listens, and what bounds it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ServerTable {
    /// Where `/mcp` listens: an IP address and a port. Default `"127.0.0.1:7080"`; port 0 takes a free one, and the first
    /// line printed says which. The flag `--listen` wins.
    pub(super) listen: String,
    /// Where detailed health and metrics listen: an IP address and a port. Default `"127.0.0.1:7081"`; port 0 takes a free
    /// one. The flag `--admin-listen` wins.
    pub(super) admin_listen: String,
    /// A folder with further manifests, relative to the profile's file. Absent: only the catalogue.
    pub(super) modules_dir: Option<String>,
    /// How long one call may take, from the request's arrival to the answer. Default `"60s"`; from 1 ms to 1 h, zero is refused.
    #[schemars(extend("pattern" = super::validate::DURATION_PATTERN))]
    pub(super) call_timeout: String,
    /// How many calls may run at once; one more is turned away. Default 10000; zero is refused.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) max_calls: u32,
    /// How long a shutdown goes on taking connections, with `/readyz` at 503, before it takes no more: a load balancer needs
    /// that long to stop sending them. Default `"0s"`: none is taken from the signal on; up to 10 min.
    #[schemars(extend("pattern" = super::validate::DURATION_PATTERN))]
    pub(super) drain_delay: String,
    /// How long a shutdown waits for what is in flight. Default `"10s"`; up to 1 h, zero waits for nothing.
    #[schemars(extend("pattern" = super::validate::DURATION_PATTERN))]
    pub(super) shutdown_timeout: String,
    /// Host names, besides loopback's, that a request may name in `Host`, each with or without a port. Default none.
    pub(super) allowed_hosts: Vec<String>,
    /// Origins that a browser may call from, such as `"https://app.example"`. Default none; `"*"` is refused.
    pub(super) allowed_origins: Vec<String>,
}

impl Default for ServerTable {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7080".into(),
            admin_listen: "127.0.0.1:7081".into(),
            modules_dir: None,
            call_timeout: "60s".into(),
            max_calls: 10_000,
            drain_delay: "0s".into(),
            shutdown_timeout: "10s".into(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
        }
    }
}

/// A module: which vault its credentials come from, and which accounts it has.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModuleTable {
    /// The vault that the credentials come from: the name of a `[vaults.NAME]` table.
    pub(super) vault: String,
    /// The accounts, the default one first: names, or tables with a name and more. Absent: `["default"]`; an empty list is refused.
    #[serde(default = "default_accounts")]
    #[schemars(length(min = 1))]
    pub(super) accounts: Vec<AccountTable>,
    /// Where the service is. Absent: where its manifest says.
    #[serde(default)]
    pub(super) base_url: Option<String>,
    /// The manifest. Absent: the one of the module's own name. Two modules may share one.
    #[serde(default)]
    pub(super) manifest: Option<String>,
    /// Where a secret lies in the vault: segments of `{user}`, `{module}`, `{account}` and names, with `/` between them.
    /// Default `"{module}/{account}"`; `{account}` must be in it, and with `{user}` every user brings a credential of their own.
    #[serde(default = "default_path")]
    pub(super) path: String,
    /// Whether credentials may travel over plain `http` beyond loopback. Default no.
    #[serde(default)]
    pub(super) insecure_http: bool,
}

fn default_accounts() -> Vec<AccountTable> {
    vec![AccountTable::Name("default".into())]
}

fn default_path() -> String {
    PathTemplate::default().to_string()
}

/// An account: its name, or a table with its name and more.
#[derive(Debug, Deserialize, JsonSchema, serde::Serialize)]
#[serde(untagged)]
pub(super) enum AccountTable {
    /// The account's name.
    Name(#[schemars(extend("pattern" = super::key::NAME_PATTERN))] String),
    /// The account's name, and what differs from the module.
    Table(AccountSettings),
}

/// An account with settings of its own.
#[derive(Debug, Deserialize, JsonSchema, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountSettings {
    /// The account's name.
    #[schemars(extend("pattern" = super::key::NAME_PATTERN))]
    pub(super) name: String,
    /// Where the service is for this account. Absent: where the module says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) base_url: Option<String>,
}
