//! The vault file as this process knows it. Everything here blocks, and runs on the compartment's threads.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use cofferdam_config::Diagnostic;
use cofferdam_vault::{ErrorKind, Expect, Prompt, SecretFields, SecretPath, VaultError, Version};

use crate::config::Settings;
use crate::crypt::{self, Opened};
use crate::document::Document;
use crate::edit::edit;
use crate::error::{Cause, vault_error};
use crate::file::{self, Known, Reading, Role, VAULT_MAX_BYTES};
use crate::keys::Keys;
use crate::lock::{self, Lock};
use crate::replace::{Replaced, follow, replace};
use crate::{examine, os, recipients};

/// How often a write begins anew because someone without the lock changed the file meanwhile.
const WRITE_TRIES: usize = 3;

/// One vault file, and what opens it.
pub(crate) struct Store {
    settings: Settings,
    prompt: Option<Arc<dyn Prompt>>,
    /// What is open now. Held while the file is opened, so that callers who come at once decrypt it once and ask once.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The keys, and the state of the file that they were read from; none where a person was asked.
    keys: Option<(Option<Known>, Arc<Keys>)>,
    contents: Option<(Known, Arc<Contents>)>,
    /// Whether the log was told that others have access to the key file.
    warned: bool,
}

/// The vault file, decrypted.
pub(crate) struct Contents {
    opened: Opened,
    pub(crate) document: Document,
}

/// What a look at the files found.
struct Loaded {
    keys: Arc<Keys>,
    /// The vault file, where there is one.
    vault: Option<(Known, Arc<Contents>)>,
}

/// What a secret becomes.
#[derive(Clone, Copy)]
pub(crate) enum Change<'a> {
    Put(&'a SecretFields),
    Delete,
}

impl Store {
    pub(crate) fn new(settings: Settings, prompt: Option<Arc<dyn Prompt>>) -> Self {
        Self { settings, prompt, state: Mutex::default() }
    }

    /// See [`crate::examine`].
    pub(crate) fn exposed(&self) -> Vec<Diagnostic> {
        examine::exposed(&self.settings)
    }

    /// What is in the vault file now.
    pub(crate) fn contents(&self) -> Result<Arc<Contents>, VaultError> {
        match self.load(false)? {
            Some(Loaded { vault: Some((_, contents)), .. }) => Ok(contents),
            _ => Err(file::missing(Role::Vault, &self.settings.file)),
        }
    }

    /// Changes the secret at `at`, if `expect` holds, and answers its new version; none where it is deleted.
    ///
    /// Waits for other writers only while `wanted` says that somebody waits for the answer.
    pub(crate) fn change(
        &self,
        at: &SecretPath,
        change: Change<'_>,
        expect: &Expect,
        wanted: impl Fn() -> bool,
    ) -> Result<Option<Version>, VaultError> {
        let creates = matches!((change, expect), (Change::Put(_), Expect::Any | Expect::Absent));
        let Some(Loaded { vault: before, .. }) = self.load(creates)? else {
            // No vault file, and perhaps no folder to lock in: nothing is there, and nothing is to come.
            return if matches!(expect, Expect::Version(_)) { Err(conflict(at)) } else { Ok(None) };
        };
        let target = follow(&self.settings.file)?;
        if let Some(folder) = target.parent() {
            os::create_folders(folder).map_err(|error| vault_error(folder, Cause::Writing(error)))?;
        }
        let lock = Lock::take(&target, before.map(|(known, _)| known.attributes), lock::WAIT, wanted)?;
        for _ in 0..WRITE_TRIES {
            if let Some(answer) = self.try_change(&target, at, change, expect, &lock)? {
                return Ok(answer);
            }
        }
        Err(VaultError::vault(
            ErrorKind::Unavailable,
            format!("{} keeps being changed by someone else; try again", target.display()),
        ))
    }

    /// One try; `None` where someone without the lock was faster.
    fn try_change(
        &self,
        target: &Path,
        at: &SecretPath,
        change: Change<'_>,
        expect: &Expect,
        lock: &Lock,
    ) -> Result<Option<Option<Version>>, VaultError> {
        let Some(Loaded { keys, vault }) = self.load(true)? else { return Ok(None) };
        let document = vault.as_ref().map(|(_, contents)| &contents.document);
        let holds = match document {
            Some(document) => document.expects(at, expect),
            None => !matches!(expect, Expect::Version(_)),
        };
        if !holds {
            return Err(conflict(at));
        }
        let fields = match change {
            Change::Put(fields) => Some(fields),
            Change::Delete if document.is_some_and(|document| document.contains(at)) => None,
            Change::Delete => return Ok(Some(None)),
        };
        let plaintext = vault.as_ref().map_or("", |(_, contents)| &contents.opened.plaintext);
        let edited = edit(target, plaintext, at, fields)?;
        let armored = vault.as_ref().is_some_and(|(_, contents)| contents.opened.armored);
        let armored = self.settings.armor.unwrap_or(armored);
        let recipients = self.settings.recipients_file.as_deref().map(recipients::read).transpose()?;
        let sealed = crypt::seal(target, &edited, &keys, recipients.as_deref(), armored)?;
        if sealed.len() > VAULT_MAX_BYTES {
            return Err(VaultError::secret(
                ErrorKind::Unsupported,
                format!(
                    "{} would grow beyond {VAULT_MAX_BYTES} bytes and was not written; give {at} a vault of its own",
                    target.display()
                ),
            ));
        }
        let digest = file::digest(&sealed);
        let document = Document::parse(target, &edited, &digest)?;
        let version = document.version(at).cloned();
        if !document.holds(at, fields) {
            return Err(VaultError::secret(
                ErrorKind::Malformed,
                format!("{at} cannot be put into TOML as it is and was not written"),
            ));
        }
        let old = vault.as_ref().map(|(known, _)| (known.stamp, known.attributes));
        let Replaced::Done(stamp, attributes) = replace(target, &sealed, old, lock)? else { return Ok(None) };
        let known = Known { stamp, digest, attributes, exposed: None, settled: false };
        let contents = Contents { opened: Opened { plaintext: edited, armored }, document };
        self.state.lock().unwrap_or_else(PoisonError::into_inner).contents =
            Some((known, Arc::new(contents)));
        Ok(Some(version))
    }

    /// Looks at the vault file and the key file, and opens anew what has changed.
    ///
    /// Where there is no vault file, keys are wanted only by who `creates` one; for others the answer is `None`, and nobody
    /// is asked for a passphrase.
    fn load(&self, creates: bool) -> Result<Option<Loaded>, VaultError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = self.refresh(&mut state, creates);
        if loaded.is_err() {
            // Nothing that cannot be confirmed is kept; how long a secret outlives its vault is for the cache to say.
            state.contents = None;
        }
        loaded
    }

    fn refresh(&self, state: &mut State, creates: bool) -> Result<Option<Loaded>, VaultError> {
        let path = &self.settings.file;
        let known = state.contents.as_ref().map(|(known, _)| known);
        // The vault file before the keys: whether it is new decides how a passphrase is asked for.
        let reading = file::look(Role::Vault, path, known)?;
        if reading.is_none() && !creates {
            state.contents = None;
            return Ok(None);
        }
        let keys_before = state.keys.as_ref().map(|(_, keys)| Arc::clone(keys));
        let keys = self.refresh_keys(state, reading.is_none())?;
        let same_keys = keys_before.is_some_and(|before| Arc::ptr_eq(&before, &keys));
        let (known, bytes) = match (reading, state.contents.take()) {
            (None, _) => return Ok(Some(Loaded { keys, vault: None })),
            (Some(Reading::Same(known)), Some((_, contents))) if same_keys => {
                state.contents = Some((known, Arc::clone(&contents)));
                return Ok(Some(Loaded { keys, vault: Some((known, contents)) }));
            }
            (Some(Reading::Changed(known, bytes)), _) => (known, bytes),
            // Other keys may not open what the old ones opened.
            (Some(Reading::Same(_)), _) => match file::look_required(Role::Vault, path, None)? {
                Reading::Changed(known, bytes) => (known, bytes),
                Reading::Same(_) => return Err(file::missing(Role::Vault, path)),
            },
        };
        let opened = crypt::open(path, &bytes, &keys)?;
        let document = Document::parse(path, &opened.plaintext, &known.digest)?;
        let contents = Arc::new(Contents { opened, document });
        state.contents = Some((known, Arc::clone(&contents)));
        Ok(Some(Loaded { keys, vault: Some((known, contents)) }))
    }

    fn refresh_keys(&self, state: &mut State, new_vault: bool) -> Result<Arc<Keys>, VaultError> {
        let prompt = self.prompt.as_deref();
        let Some((role, path)) = self.settings.keys.file() else {
            if let Some((_, keys)) = &state.keys {
                return Ok(Arc::clone(keys));
            }
            let keys = Arc::new(Keys::ask(&self.settings.file, prompt, new_vault)?);
            state.keys = Some((None, Arc::clone(&keys)));
            return Ok(keys);
        };
        let known = state.keys.as_ref().and_then(|(known, _)| known.as_ref());
        let (known, keys) = match (file::look_required(role, path, known)?, state.keys.take()) {
            (Reading::Same(known), Some((_, keys))) => (known, keys),
            (Reading::Changed(known, bytes), _) => {
                (known, Arc::new(Keys::parse(role, path, &bytes, prompt)?))
            }
            (Reading::Same(_), None) => return Err(file::missing(role, path)),
        };
        state.keys = Some((Some(known), Arc::clone(&keys)));
        if let Some(mode) = known.exposed
            && !std::mem::replace(&mut state.warned, true)
        {
            tracing::warn!(
                "the {role} {} can be used by others (mode {mode:04o}); run `chmod 600` on it",
                path.display()
            );
        }
        Ok(keys)
    }
}

fn conflict(at: &SecretPath) -> VaultError {
    VaultError::secret(
        ErrorKind::Conflict,
        format!("the secret {at} is not in the state that was expected; read it again, then write"),
    )
}
