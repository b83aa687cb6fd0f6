//! A checked profile: what the program is started from.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::problem::Problem;
use crate::broker::backends::VaultSettings;
use crate::broker::{CompartmentPolicy, PathTemplate};

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
    /// What someone should look at, though the profile is taken.
    pub warnings: Vec<Problem>,
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
    pub base_url: Option<Url>,
    /// Where its secrets are stored in the vault. Default `{module}/{account}`.
    pub path: PathTemplate,
    /// Whether credentials may travel over plain `http` beyond loopback. Default no.
    pub insecure_http: bool,
}

/// One account of a module.
#[derive(Debug, Clone)]
pub struct AccountEntry {
    /// Its name.
    pub name: String,
    /// Where the service is for this account, instead of where the module says.
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
    /// How long one call may take, from the request's arrival to the answer. Default 60 s.
    pub call_timeout: Duration,
    /// How many calls may run at once. Default 10000.
    pub max_calls: usize,
    /// How long a shutdown keeps taking connections, unready, until whoever sends them has noticed. Default zero.
    pub drain_delay: Duration,
    /// How long a shutdown waits for what is in flight. Default 10 s.
    pub shutdown_timeout: Duration,
    /// Host names besides loopback's that a request may name in `Host`.
    pub allowed_hosts: Vec<String>,
    /// Origins that a browser may call from. Default none.
    pub allowed_origins: Vec<String>,
}
