//! A profile: one TOML file that says how this process runs. A file in; a checked [`Profile`], or every problem at once, out.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::broker::Walls;
use crate::broker::backends::VaultSettings;

/// A profile that has been read, merged with its layers and checked.
#[derive(Debug)]
pub struct Profile {
    /// The name given on the command line: `dev`, or a file's path.
    pub name: String,
    /// The folder that relative paths are relative to.
    pub base_dir: PathBuf,
    /// The vaults in the file's order.
    pub vaults: Vec<VaultEntry>,
    /// The modules in the file's order.
    pub modules: Vec<ModuleEntry>,
    /// How the server listens.
    pub server: ServerSettings,
}

/// A `[vaults.NAME]` table.
#[derive(Debug)]
pub struct VaultEntry {
    /// Its name.
    pub name: String,
    /// The backend's name.
    pub backend: &'static str,
    /// The walls around it.
    pub walls: Walls,
    /// The backend's own settings.
    pub settings: Box<dyn VaultSettings>,
}

/// A `[modules.NAME]` table.
#[derive(Debug, Clone)]
pub struct ModuleEntry {
    /// Its name.
    pub name: String,
    /// The vault its credentials come from.
    pub vault: String,
    /// The manifest's name; the module's own where the profile names none.
    pub manifest: String,
    /// The accounts, the default first. Never empty.
    pub accounts: Vec<AccountEntry>,
    /// Where the service is, instead of where the manifest says.
    pub base_url: Option<url::Url>,
    /// The path template; `{module}/{account}` where absent.
    pub path: String,
    /// Whether credentials may travel over plain `http` beyond loopback. Default no.
    pub insecure_http: bool,
}

/// One account of a module.
#[derive(Debug, Clone)]
pub struct AccountEntry {
    /// Its name.
    pub name: String,
    /// Where the service is for this account, instead of where the module says.
    pub base_url: Option<url::Url>,
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
    /// How long one call may take, from the request's arrival to the answer. Default 60 s.
    pub call_timeout: std::time::Duration,
    /// How many calls may run at once. Default 10000.
    pub max_calls: usize,
    /// How long a shutdown waits for what is in flight. Default 10 s.
    pub shutdown_timeout: std::time::Duration,
    /// Host names besides loopback's that a request may name in `Host`.
    pub allowed_hosts: Vec<String>,
    /// Origins that a browser may call from. Default none.
    pub allowed_origins: Vec<String>,
}
