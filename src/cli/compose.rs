//! Builds the application from a profile: profile → manifests → registry → vaults → broker → calls.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cofferdam_config::{Diagnostics, text};
use cofferdam_vault::{Prompt, Threads, VaultContext};

use super::Common;
use super::exit::CommandError;
use super::prompt::Terminal;
use crate::broker::{Broker, ModuleBinding, VaultParts};
use crate::caller::Caller;
use crate::calls::Calls;
use crate::connectors::http::HttpConnector;
use crate::manifest::ManifestLibrary;
use crate::memory_budget::MemoryBudget;
use crate::os::config_dir;
use crate::profile::{
    self, AccessSettings, FlagOverride, ModuleEntry, Overrides, Profile, ProfileFolders, ServerSettings,
    Source, VaultEntry,
};
use crate::registry::Registry;

/// The minimum timeout of an attempt at a vault if a person may have to type a passphrase.
const TYPING_TIMEOUT: Duration = Duration::from_secs(60);

/// Whether a vault may prompt for a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interactivity {
    /// A person waits at the terminal for the result.
    Interactive,
    /// A server, or a command that reads no secret. Never prompts.
    NonInteractive,
}

/// The application, built from one profile. No vault has been accessed yet.
#[derive(Debug)]
pub(super) struct App {
    /// The profile, as the command line names it.
    pub(super) profile: String,
    /// The modules of the profile. The registry has those that could be loaded.
    pub(super) entries: Vec<ModuleEntry>,
    /// The absolute path of the profile, or `None` if it is inside the binary.
    pub(super) profile_file: Option<PathBuf>,
    /// A value for `--profile` that names the same profile in any working directory.
    pub(super) profile_anywhere: PathBuf,
    /// The settings of the server.
    pub(super) server: ServerSettings,
    /// Whom the server believes.
    pub(super) access: AccessSettings,
    /// The registry, the broker and the connector.
    pub(super) calls: Arc<Calls>,
    /// The warnings about the profile.
    pub(super) warnings: Diagnostics,
}

impl App {
    /// Loads the profile with the overrides in the environment, and builds the application.
    ///
    /// # Errors
    ///
    /// Returns all problems of the profile.
    pub(super) fn load(common: &Common, interactivity: Interactivity) -> Result<Self, CommandError> {
        Self::load_with_overrides(&common.profile, &environment([]), interactivity)
    }

    /// Like [`App::load`], with these overrides only.
    ///
    /// # Errors
    ///
    /// Returns all problems of the profile.
    pub(super) fn load_with_overrides(
        name: &str,
        overrides: &Overrides,
        interactivity: Interactivity,
    ) -> Result<Self, CommandError> {
        let (profile, manifests) = load(name, overrides)?;
        let profile_anywhere = nameable_anywhere(&profile);
        let registry = Arc::new(Registry::load(&profile.modules, &manifests));
        let bindings = profile.modules.iter().filter_map(|entry| binding(entry, &registry)).collect();
        let prompt = match interactivity {
            Interactivity::Interactive => Some(Arc::new(Terminal) as Arc<dyn Prompt>),
            Interactivity::NonInteractive => None,
        };
        let base_dir = &profile.base_dir;
        let vaults = profile.vaults.into_iter().map(|entry| vault(entry, base_dir, prompt.clone())).collect();
        let broker = Arc::new(Broker::new(vaults, bindings));
        let memory = MemoryBudget::new(profile.server.memory_budget);
        let connector = HttpConnector::new().with_memory(memory);
        let calls = Calls::new(registry, broker, connector, profile.server.max_calls);
        Ok(Self {
            profile_file: profile.file,
            profile_anywhere,
            profile: profile.name,
            entries: profile.modules,
            server: profile.server,
            access: profile.access,
            calls: Arc::new(calls),
            warnings: profile.warnings,
        })
    }
}

/// Returns the overrides of this process: its environment, and `flags`, which take precedence.
pub(super) fn environment(flags: impl IntoIterator<Item = FlagOverride>) -> Overrides {
    Overrides::from_environment(std::env::vars_os()).with_flags(flags)
}

/// Loads a profile, and the manifests that it is checked against.
///
/// # Errors
///
/// Returns all problems of the profile.
pub(super) fn load(name: &str, overrides: &Overrides) -> Result<(Profile, ManifestLibrary), CommandError> {
    let working_dir = std::env::current_dir().map_err(|error| {
        CommandError::usage(
            text!("cannot determine the working directory: {error}"),
            "change to a folder that exists",
        )
    })?;
    let folders = ProfileFolders::new(working_dir, config_dir().as_deref());
    let source = Source::find(name, &folders).map_err(CommandError::Profile)?;
    if let Some(ignored) = source.ignored() {
        tracing::warn!(help = %ignored.help, "{}", ignored.headline());
    }
    let draft = profile::parse(&source, overrides).map_err(CommandError::Profile)?;
    let manifests = ManifestLibrary::load(draft.modules_dir());
    let profile = draft.check(&manifests).map_err(CommandError::Profile)?;
    Ok((profile, manifests))
}

/// Returns a value for `--profile` that names `profile` in any working directory: the absolute path of its file, or the
/// name of the profile inside the binary.
pub(super) fn nameable_anywhere(profile: &Profile) -> PathBuf {
    profile.file.clone().unwrap_or_else(|| Source::embedded(&profile.name).into())
}

fn vault(entry: VaultEntry, base_dir: &Path, prompt: Option<Arc<dyn Prompt>>) -> VaultParts {
    let mut policy = entry.policy;
    if prompt.is_some() {
        policy.attempt_timeout = policy.attempt_timeout.max(TYPING_TIMEOUT);
        policy.deadline = policy.deadline.max(TYPING_TIMEOUT);
    }
    let context = VaultContext {
        name: entry.name.clone(),
        base_dir: base_dir.to_owned(),
        threads: Threads::new(entry.name.as_str(), policy.threads()),
        prompt,
    };
    VaultParts { name: entry.name, policy, vault: entry.settings.into_vault(context) }
}

/// Returns how the broker finds the credentials of a module, or `None` if the module could not be loaded.
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
