//! A profile: one TOML file that says how this process runs. A file in; a checked [`Profile`], or every problem at once, out.
//!
//! The way of a profile, one step a file:
//!
//! 1. [`Source::find`]: which file, or which copy inside the binary
//! 2. `document`: its text as values, and the line of each
//! 3. `layers`: environment variables and flags on top of it
//! 4. `schema` and `shape`: every key known, every value of the right type
//! 5. `check`: what the keys mean, and whether they fit each other
//!
//! A wrong profile is refused with all that is wrong with it. A wrong world (a file that is missing, a vault that is down) is
//! no concern of this module: no step but the first touches anything outside the process.

mod address;
mod check;
mod document;
mod key;
mod layers;
mod problem;
mod schema;
mod shape;
mod source;
mod tables;
mod template;
mod walls;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use cofferdam_vault::FieldName;

use crate::broker::CompartmentPolicy;
use crate::broker::backends::{ALL, Backend, VaultSettings};

pub use layers::{Layers, Override};
pub use problem::{Origin, Place, Problem, ProfileError, Severity};
pub use schema::schema;
pub use source::Source;

/// What manifests there are, as far as a profile's check must know.
pub trait KnownManifests {
    /// The names of all manifests, those that cannot be used included: that is told by whoever reads them.
    fn names(&self) -> Vec<String>;

    /// The fields that a credential of this manifest has: none for one that cannot be used, `None` for one that is not there.
    fn credential_fields(&self, manifest: &str) -> Option<Vec<FieldName>>;
}

/// Finds the manifests, given the profile's `modules_dir`, seen from the working directory.
pub type ManifestsOf<'a> = &'a dyn Fn(Option<&Path>) -> Box<dyn KnownManifests>;

/// Reads a profile, puts `layers` on top of it, and checks the whole.
///
/// # Errors
///
/// Everything that is wrong with it.
pub fn load(
    source: &Source,
    layers: &Layers,
    manifests_of: ManifestsOf<'_>,
) -> Result<Profile, ProfileError> {
    load_with(source, layers, ALL, manifests_of)
}

/// [`load`], for vaults with these backends.
fn load_with(
    source: &Source,
    layers: &Layers,
    backends: &[Backend],
    manifests_of: ManifestsOf<'_>,
) -> Result<Profile, ProfileError> {
    let refused = |problems| ProfileError { profile: source.name.clone(), problems };
    let mut document = document::Document::read(source.file.clone(), &source.text);
    if !document.readable {
        document.problems.sort();
        return Err(refused(document.problems));
    }
    let schema = schema::of_backends(backends);
    let (profile, problems) = check::check(source, &document, layers, backends, &schema, manifests_of);
    profile.ok_or_else(|| refused(problems))
}

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
    /// The walls around it.
    pub walls: CompartmentPolicy,
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
    /// How long a shutdown keeps taking connections, unready, until whoever sends them has noticed. Default zero.
    pub drain_delay: std::time::Duration,
    /// How long a shutdown waits for what is in flight. Default 10 s.
    pub shutdown_timeout: std::time::Duration,
    /// Host names besides loopback's that a request may name in `Host`.
    pub allowed_hosts: Vec<String>,
    /// Origins that a browser may call from. Default none.
    pub allowed_origins: Vec<String>,
}
