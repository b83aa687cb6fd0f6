//! Puts the parts together, the same for every command: profile → manifests → vaults → broker → calls.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::{Prompt, Threads, VaultContext};

use super::Common;
use super::exit::Failure;
use super::prompt::Terminal;
use crate::broker::{Broker, ModuleBinding, VaultParts};
use crate::caller::Caller;
use crate::calls::Calls;
use crate::connectors::http::HttpConnector;
use crate::manifest::ManifestLibrary;
use crate::profile::{
    self, FlagOverride, ModuleEntry, Overrides, Problem, Profile, ServerSettings, Source, VaultEntry,
};
use crate::registry::Registry;

/// How long an attempt at a vault may take at least while somebody may be typing a passphrase into it.
const TYPING: Duration = Duration::from_secs(60);

/// Whether a vault may ask somebody for a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Person {
    /// Somebody sits at the terminal and waits for the answer.
    AtTheTerminal,
    /// A server, or a command that reads no secret: nobody is asked.
    Nobody,
}

/// The program, put together for one profile. No vault has been touched yet.
#[derive(Debug)]
pub(super) struct Composed {
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

impl Composed {
    /// Loads the profile with the layers of this process's environment, and composes it.
    ///
    /// # Errors
    ///
    /// Every problem of the profile at once.
    pub(super) fn of(common: &Common, person: Person) -> Result<Self, Failure> {
        Self::with_layers(&common.profile, &environment([]), person)
    }

    /// As [`Composed::of`], with these layers and no others.
    ///
    /// # Errors
    ///
    /// As [`Composed::of`].
    pub(super) fn with_layers(name: &str, layers: &Overrides, person: Person) -> Result<Self, Failure> {
        let (profile, manifests) = load(name, layers)?;
        let profile_anywhere = nameable_anywhere(&profile);
        let registry = Arc::new(Registry::load(&profile.modules, &manifests));
        let bindings = profile.modules.iter().filter_map(|entry| binding(entry, &registry)).collect();
        let prompt = (person == Person::AtTheTerminal).then(|| Arc::new(Terminal) as Arc<dyn Prompt>);
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
pub(super) fn environment(flags: impl IntoIterator<Item = FlagOverride>) -> Overrides {
    Overrides::from_environment(std::env::vars_os()).with_flags(flags)
}

/// Loads the profile and the manifests that it is checked against.
///
/// # Errors
///
/// Every problem of the profile at once.
pub(super) fn load(name: &str, layers: &Overrides) -> Result<(Profile, ManifestLibrary), Failure> {
    let here = std::env::current_dir().map_err(|error| {
        Failure::usage(format!("the working directory cannot be found: {error}"), "change to one that exists")
    })?;
    let source = Source::find(name, &here).map_err(Failure::Profile)?;
    let draft = profile::parse(&source, layers).map_err(Failure::Profile)?;
    let manifests = ManifestLibrary::load(draft.modules_dir());
    let profile = draft.check(&manifests).map_err(Failure::Profile)?;
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

fn vault(entry: VaultEntry, base_dir: &Path, prompt: Option<Arc<dyn Prompt>>) -> VaultParts {
    let mut walls = entry.policy;
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
    VaultParts { name: entry.name, policy: walls, vault: entry.settings.into_vault(context) }
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
