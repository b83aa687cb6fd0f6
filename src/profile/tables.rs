//! The tables `[server]`, `[access]` and `[modules.NAME]` of a profile, before they are checked.
//!
//! The documentation of each key is part of the profile's JSON schema. It states the default, and what zero and an absent
//! key mean.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::broker::PathTemplate;
use crate::manifest::SideEffect;

/// Where the server listens, and its limits.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ServerTable {
    /// Where `/mcp` listens: an IP address and a port. Default `"127.0.0.1:7080"`; port 0 picks a free port, which the first
    /// line of output names. The flag `--listen` overrides it.
    pub(super) listen: String,
    /// Where detailed health and metrics listen: an IP address and a port. Default `"127.0.0.1:7081"`; port 0 picks a free
    /// port. The flag `--admin-listen` overrides it.
    pub(super) admin_listen: String,
    /// A folder with further manifests, relative to the profile's file. Absent: only the catalogue.
    pub(super) modules_dir: Option<String>,
    /// The maximum time of one call, from the request to the answer. Default `"60s"`; from 1 ms to 1 h, zero is not allowed.
    #[schemars(extend("pattern" = cofferdam_config::duration::PATTERN))]
    pub(super) call_timeout: String,
    /// The maximum number of concurrent calls; further ones are rejected. One module gets at most two thirds of it. Calls that
    /// wait for others of their module do not count. Default 10000; zero is not allowed.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) max_calls: u32,
    /// The maximum number of connections of clients; when it is reached, idle ones are closed to make room, the longest idle
    /// first. Absent: `max_calls` and 1024 more. Zero is not allowed. There are never more than the limit of open files
    /// allows (`LimitNOFILE=`, `ulimit -n`), beside those that vaults and services need.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) max_connections: Option<u32>,
    /// The maximum number of connections from one remote machine: an IPv4 address, or a /64 network of IPv6. Absent: a quarter
    /// of all connections. Zero is not allowed. Loopback and `access.trusted_proxies` are exempt.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) max_connections_per_peer: Option<u32>,
    /// How long a connection lasts: it is closed after this time, up to a tenth earlier, once its request is finished. Default
    /// `"1h"`; from 1 s to 24 h, zero is not allowed.
    #[schemars(extend("pattern" = cofferdam_config::duration::PATTERN))]
    pub(super) connection_age: String,
    /// The memory for what arrives from outside: large requests, answers of services, and what both become once decoded.
    /// Default `"192MiB"`, from 16 MiB to 1024 GiB. It does not count what the process needs without calls, about 40 MiB.
    /// One answer takes a quarter of it at most. What finds no memory is rejected as `rate_limited`.
    pub(super) memory_budget: String,
    /// How long a shutdown still accepts connections, with `/readyz` at 503, so that a load balancer stops sending them.
    /// Default `"0s"`: none is accepted after the signal; up to 10 min.
    #[schemars(extend("pattern" = cofferdam_config::duration::PATTERN))]
    pub(super) drain_delay: String,
    /// How long a shutdown waits for calls in flight. Default `"10s"`; up to 1 h, zero does not wait.
    #[schemars(extend("pattern" = cofferdam_config::duration::PATTERN))]
    pub(super) shutdown_timeout: String,
    /// Host names, besides those of loopback, that a request may have in `Host`, with or without a port. Default none.
    pub(super) allowed_hosts: Vec<String>,
    /// Origins that a browser may call from, such as `"https://app.example"`. Default none; `"*"` is not allowed.
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
            max_connections: None,
            max_connections_per_peer: None,
            connection_age: "1h".into(),
            memory_budget: "192MiB".into(),
            drain_delay: "0s".into(),
            shutdown_timeout: "10s".into(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
        }
    }
}

/// Who may connect, and whom the server believes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AccessTable {
    /// The addresses of proxies in front of the server, as ranges such as `"10.0.0.0/8"` or single addresses. Everyone behind a
    /// proxy has its address, so `server.max_connections_per_peer` does not apply to it. Default none.
    pub(super) trusted_proxies: Vec<String>,
}

/// A module: the vault that its credentials come from, and its accounts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModuleTable {
    /// The vault that the credentials come from: the name of a `[vaults.NAME]` table.
    pub(super) vault: String,
    /// The accounts, the default one first: names, or tables with a name and further settings. Absent: `["default"]`; the
    /// list must not be empty.
    #[serde(default = "default_accounts")]
    #[schemars(length(min = 1))]
    pub(super) accounts: Vec<AccountTable>,
    /// The address of the service. Absent: the manifest's.
    #[serde(default)]
    pub(super) base_url: Option<String>,
    /// The manifest. Absent: the one with the module's name. Modules may share a manifest.
    #[serde(default)]
    pub(super) manifest: Option<String>,
    /// Where a secret is stored in the vault: `{user}`, `{module}`, `{account}` and names, with `/` between them.
    /// Default `"{module}/{account}"`. `{account}` is required. With `{user}` each user has a credential of their own.
    #[serde(default = "default_path")]
    pub(super) path: String,
    /// Whether credentials may be sent over plain `http` to other machines. Default no.
    #[serde(default)]
    pub(super) insecure_http: bool,
    /// The tools that this module has: names, and patterns in which `*` matches any characters, such as `"get_*"`. The
    /// others do not exist for anyone. Absent: all; the list must not be empty.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(super) tools: Option<Vec<String>>,
    /// The effects that its tools may have: `"none"` (they read), `"write"` and `"destructive"`. The others do not exist
    /// for anyone. Absent: all; the list must not be empty.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(super) effects: Option<Vec<SideEffect>>,
    /// Whether it has only tools that read: the short form of `effects = ["none"]`. Default no.
    #[serde(default)]
    pub(super) read_only: bool,
    /// The maximum number of concurrent calls of this module; further ones wait. Absent: the manifest's `limits.in_flight`,
    /// 256 by default; zero is not allowed.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) in_flight: Option<u32>,
    /// The maximum number of calls of this module that wait; further ones are rejected. Absent: the manifest's
    /// `limits.queue`, 256 by default; zero rejects each call that would have to wait.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) queue: Option<u32>,
    /// The maximum number of concurrent look-ups of host names of this module, each on a thread of its own; further ones
    /// wait. Absent: the manifest's `limits.lookups`, 2 by default; zero is not allowed.
    #[serde(default)]
    #[schemars(range(min = 1, max = 64))]
    pub(super) lookups: Option<u32>,
}

fn default_accounts() -> Vec<AccountTable> {
    vec![AccountTable::Name("default".into())]
}

fn default_path() -> String {
    PathTemplate::default().to_string()
}

/// An account: its name, or a table with its name and further settings.
#[derive(Debug, Deserialize, JsonSchema, serde::Serialize)]
#[serde(untagged)]
pub(super) enum AccountTable {
    /// The account's name.
    Name(#[schemars(extend("pattern" = super::name::NAME_PATTERN))] String),
    /// A table with the account's name, and settings that override the module's.
    Table(AccountSettings),
}

/// An account with its own settings.
#[derive(Debug, Deserialize, JsonSchema, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountSettings {
    /// The account's name.
    #[schemars(extend("pattern" = super::name::NAME_PATTERN))]
    pub(super) name: String,
    /// The address of the service for this account. Absent: the module's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) base_url: Option<String>,
}
