//! A checked profile.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use cofferdam_config::Diagnostics;
use cofferdam_vault::StoreIdentity;
use ipnet::IpNet;
use url::Url;

use crate::broker::backends::VaultSettings;
use crate::broker::{CompartmentPolicy, PathTemplate};
use crate::profile::tool_filter::ToolFilter;

/// A profile that was parsed, merged with its overrides, and checked.
#[derive(Debug)]
pub struct Profile {
    /// The name given on the command line: `dev`, or a file's path.
    pub name: String,
    /// The file; `None` for the copy inside the binary.
    pub file: Option<PathBuf>,
    /// The folder that relative paths are relative to.
    pub base_dir: PathBuf,
    /// The vaults in the file's order.
    pub vaults: Vec<VaultEntry>,
    /// The modules in the file's order.
    pub modules: Vec<ModuleEntry>,
    /// The `[server]` table.
    pub server: ServerSettings,
    /// The `[access]` table.
    pub access: AccessSettings,
    /// What an operator should know, though the profile is valid.
    pub warnings: Diagnostics,
}

/// A `[vaults.NAME]` table.
#[derive(Debug)]
pub struct VaultEntry {
    /// Its name.
    pub name: String,
    /// The backend's name.
    pub backend: &'static str,
    /// The policy of its compartment.
    pub policy: CompartmentPolicy,
    /// Which store it is.
    pub store: StoreIdentity,
    /// The backend's own settings.
    pub settings: Box<dyn VaultSettings>,
}

/// A `[modules.NAME]` table.
#[derive(Debug, Clone)]
pub struct ModuleEntry {
    /// Its name.
    pub name: String,
    /// The vault that its credentials come from.
    pub vault: String,
    /// The manifest's name. Default: the module's.
    pub manifest: String,
    /// The accounts, the default first. Never empty.
    pub accounts: Vec<AccountEntry>,
    /// The address of the service, if it is not the manifest's.
    pub base_url: Option<Url>,
    /// Where its secrets are stored in the vault. Default `{module}/{account}`.
    pub path: PathTemplate,
    /// Whether credentials may be sent over plain `http` to other machines. Default no.
    pub insecure_http: bool,
    /// Which tools of its manifest it has. Default all.
    pub tools: ToolFilter,
    /// How many of its calls may run at once, if it is not the manifest's number.
    pub in_flight: Option<u32>,
    /// How many of its calls may wait, if it is not the manifest's number.
    pub queue: Option<u32>,
    /// How many look-ups of host names it may run at once, if it is not the manifest's number.
    pub lookups: Option<u32>,
}

/// One account of a module.
#[derive(Debug, Clone)]
pub struct AccountEntry {
    /// Its name.
    pub name: String,
    /// The address of the service for this account, if it is not the module's.
    pub base_url: Option<Url>,
}

/// The `[server]` table.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Where `/mcp` listens. Default `127.0.0.1:7080`.
    pub listen: SocketAddr,
    /// Where detailed health and metrics listen. Default `127.0.0.1:7081`.
    pub admin_listen: SocketAddr,
    /// A folder with further manifests.
    pub modules_dir: Option<PathBuf>,
    /// The maximum time of one call, from the request to the answer. Default 60 s.
    pub call_timeout: Duration,
    /// The maximum number of concurrent calls. Default 10000.
    pub max_calls: usize,
    /// The maximum number of connections of clients. Default: `max_calls` and 1024 more.
    pub max_connections: Option<usize>,
    /// The maximum number of connections from one remote machine. Default: a quarter of all connections.
    pub max_connections_per_peer: Option<usize>,
    /// How long a connection lasts. Default 1 h.
    pub connection_age: Duration,
    /// The memory for requests and answers, in bytes. Default 192 MiB. See [`MemoryBudget`](crate::memory_budget).
    pub memory_budget: u64,
    /// How long a shutdown still accepts connections, not ready, so that load balancers notice. Default zero.
    pub drain_delay: Duration,
    /// How long a shutdown waits for calls in flight. Default 10 s.
    pub shutdown_timeout: Duration,
    /// Host names, besides those of loopback, that a request may have in `Host`.
    pub allowed_hosts: Vec<String>,
    /// Origins that a browser may call from. Default none.
    pub allowed_origins: Vec<String>,
}

/// The `[access]` table.
#[derive(Debug, Clone, Default)]
pub struct AccessSettings {
    /// The addresses of proxies in front of the server. Default none.
    pub trusted_proxies: Vec<IpNet>,
}
