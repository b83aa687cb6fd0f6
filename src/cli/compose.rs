//! Puts the parts together, the same for every command: profile → manifests → vaults → broker → calls.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::{FieldName, Prompt, Threads, VaultContext};

use super::Common;
use super::exit::CommandError;
use super::prompt::Terminal;
use crate::broker::{Broker, ModuleBinding, VaultParts};
use crate::caller::Caller;
use crate::calls::Calls;
use crate::connectors::http::HttpConnector;
use crate::profile::{
    self, KnownManifests, Layers, ModuleEntry, Override, Problem, Profile, ServerSettings, Source, VaultEntry,
};
use crate::registry::{Manifests, Registry};

/// How long an attempt at a vault may take at least while somebody may be typing a passphrase into it.
const TYPING: Duration = Duration::from_secs(60);

/// Whether a vault may ask somebody for a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interactivity {
    /// A person waits at the terminal for the answer.
    Interactive,
    /// A server, or a command that reads no secret. Never prompts.
    NonInteractive,
}

/// The program, put together for one profile. No vault has been touched yet.
#[derive(Debug)]
pub(super) struct App {
    /// The profile as it was asked for.
    pub(super) profile: String,
    /// The profile's modules; the registry has those whose manifest is good.
    pub(super) entries: Vec<ModuleEntry>,
    /// Its file, from the root on; `None` for a copy inside the binary.
    pub(super) profile_file: Option<PathBuf>,
    /// What `--profile` takes to mean it in every folder.
    pub(super) profile_anywhere: PathBuf,
    /// How the server listens, and what bounds it.
    pub(super) server: ServerSettings,
    /// The registry, the broker and the connector, ready to be called.
    pub(super) calls: Arc<Calls>,
    /// What the profile was taken with all the same.
    pub(super) warnings: Vec<Problem>,
}

impl App {
    /// Loads the profile with the layers of this process's environment, and composes it.
    ///
    /// # Errors
    ///
    /// Every problem of the profile at once.
    pub(super) fn load(common: &Common, interactivity: Interactivity) -> Result<Self, CommandError> {
        Self::load_with_layers(&common.profile, &environment([]), interactivity)
    }

    /// As [`App::load`], with these layers and no others.
    ///
    /// # Errors
    ///
    /// As [`App::load`].
    pub(super) fn load_with_layers(
        name: &str,
        layers: &Layers,
        interactivity: Interactivity,
    ) -> Result<Self, CommandError> {
        let (profile, manifests) = load(name, layers)?;
        let profile_anywhere = nameable_anywhere(&profile);
        let registry = Arc::new(Registry::load(&profile.modules, &manifests));
        let bindings = profile.modules.iter().filter_map(|entry| binding(entry, &registry)).collect();
        let prompt =
            (interactivity == Interactivity::Interactive).then(|| Arc::new(Terminal) as Arc<dyn Prompt>);
        let base_dir = &profile.base_dir;
        let vaults = profile.vaults.into_iter().map(|entry| vault(entry, base_dir, prompt.clone())).collect();
        let broker = Arc::new(Broker::new(vaults, bindings));
        let calls = Calls::new(registry, broker, HttpConnector::new(), profile.server.max_calls);
        Ok(Self {
            profile_file: file_of(&profile.name, base_dir),
            profile_anywhere,
            profile: profile.name,
            entries: profile.modules,
            server: profile.server,
            calls: Arc::new(calls),
            warnings: profile.warnings,
        })
    }
}

/// The layers of this process: its environment, and above it these flags.
pub(super) fn environment(flags: impl IntoIterator<Item = Override>) -> Layers {
    Layers::from_environment(std::env::vars_os()).with_overrides(flags)
}

/// Loads the profile and the manifests that it is checked against.
///
/// # Errors
///
/// Every problem of the profile at once.
pub(super) fn load(name: &str, layers: &Layers) -> Result<(Profile, Arc<Manifests>), CommandError> {
    let here = std::env::current_dir().map_err(|error| {
        CommandError::usage(
            format!("the working directory cannot be found: {error}"),
            "change to one that exists",
        )
    })?;
    let source = Source::find(name, &here).map_err(CommandError::Profile)?;
    let read = OnceCell::new();
    let manifests_of = |folder: Option<&Path>| -> Box<dyn KnownManifests> {
        let manifests = read.get_or_init(|| Arc::new(Manifests::load(folder)));
        Box::new(Known(Arc::clone(manifests)))
    };
    let profile = profile::load(&source, layers, &manifests_of).map_err(CommandError::Profile)?;
    let manifests = read.into_inner().unwrap_or_else(|| Arc::new(Manifests::default()));
    Ok((profile, manifests))
}

/// The file of the profile that was asked for as `name`, where there is one.
fn file_of(name: &str, base_dir: &Path) -> Option<PathBuf> {
    let file = base_dir.join(Path::new(name).file_name()?);
    // A name without `.toml` that is no path is one of a profile's: `dev`.
    let named = || base_dir.join(format!("{name}.toml"));
    let found =
        if name.contains(std::path::is_separator) || name.ends_with(".toml") { file } else { named() };
    std::path::absolute(found).ok().filter(|path| path.is_file())
}

/// What `--profile` takes to mean `profile` in every folder: its file from the root on, or the copy inside the binary.
pub(super) fn nameable_anywhere(profile: &Profile) -> PathBuf {
    file_of(&profile.name, &profile.base_dir).unwrap_or_else(|| Source::embedded(&profile.name).into())
}

/// The manifests as a profile's check sees them.
struct Known(Arc<Manifests>);

impl KnownManifests for Known {
    fn names(&self) -> Vec<String> {
        self.0.names().into_iter().map(str::to_owned).collect()
    }

    fn credential_fields(&self, manifest: &str) -> Option<Vec<FieldName>> {
        let broken_or_absent = || self.0.names().contains(&manifest).then(Vec::new);
        self.0.credential_fields(manifest).or_else(broken_or_absent)
    }
}

fn vault(entry: VaultEntry, base_dir: &Path, prompt: Option<Arc<dyn Prompt>>) -> VaultParts {
    let mut walls = entry.walls;
    if prompt.is_some() {
        walls.attempt_timeout = walls.attempt_timeout.max(TYPING);
        walls.deadline = walls.deadline.max(TYPING);
    }
    let context = VaultContext {
        name: entry.name.clone(),
        base_dir: base_dir.to_owned(),
        threads: Threads::new(entry.name.as_str(), walls.threads()),
        prompt,
    };
    VaultParts { name: entry.name, walls, vault: entry.settings.into_vault(context) }
}

/// What the broker must know of a module; nothing for one whose manifest was refused.
fn binding(entry: &ModuleEntry, registry: &Registry) -> Option<ModuleBinding> {
    let module = registry.module(&Caller::local(), &entry.name)?;
    Some(ModuleBinding {
        module: entry.name.clone(),
        vault: entry.vault.clone(),
        accounts: entry.accounts.iter().map(|account| account.name.clone()).collect(),
        path: entry.path.clone(),
        credential: module.service.credential.clone(),
    })
}
