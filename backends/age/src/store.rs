//! The store: reads and changes the vault file, and caches its content.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use cofferdam_config::Diagnostics;
use cofferdam_vault::process::Attempt;
use cofferdam_vault::{
    BlockingStore, ErrorKind, Expect, FieldName, Page, PageToken, Prompt, Secret, SecretFields, SecretPath,
    VaultError, VaultInfo, Version,
};

use crate::crypt::{self, Decrypted};
use crate::document::Document;
use crate::edit::edit;
use crate::error::{Cause, vault_error};
use crate::file::{self, Reading, Snapshot};
use crate::keys::Keys;
use crate::limits::VAULT_MAX_BYTES;
use crate::lock::{self, Lock};
use crate::path::follow_links;
use crate::replace::{Replaced, replace};
use crate::role::Role;
use crate::settings::Settings;
use crate::{diagnose, os, recipients};

/// Maximum number of attempts of a write, if a program without the lock changes the file meanwhile.
const MAX_WRITE_ATTEMPTS: usize = 3;

/// Maximum number of paths in a page of a listing.
const PAGE_PATHS: usize = 500;

/// One vault file and its keys.
pub(crate) struct Store {
    info: VaultInfo,
    settings: Settings,
    prompt: Option<Arc<dyn Prompt>>,
    /// The cache. Locked while the file is decrypted, so that concurrent callers decrypt it and prompt once.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The keys, and the snapshot of the file that they were read from; `None` if they come from a prompt.
    keys: Option<(Option<Snapshot>, Arc<Keys>)>,
    contents: Option<(Snapshot, Arc<Contents>)>,
    /// Whether the log says that other users have access to the key file.
    warned: bool,
}

/// The vault file, decrypted.
struct Contents {
    decrypted: Decrypted,
    document: Document,
}

/// The keys and the vault file, as they are now.
struct Loaded {
    keys: Arc<Keys>,
    /// The vault file, if it exists.
    vault: Option<(Snapshot, Arc<Contents>)>,
}

/// A change of a secret.
#[derive(Clone, Copy)]
enum Change<'a> {
    Put(&'a SecretFields),
    Delete,
}

impl Store {
    pub(crate) fn new(info: VaultInfo, settings: Settings, prompt: Option<Arc<dyn Prompt>>) -> Self {
        Self { info, settings, prompt, state: Mutex::default() }
    }

    /// The current content of the vault file.
    fn contents(&self) -> Result<Arc<Contents>, VaultError> {
        match self.load(false)? {
            Some(Loaded { vault: Some((_, contents)), .. }) => Ok(contents),
            _ => Err(file::missing(Role::Vault, &self.settings.file)),
        }
    }

    /// Changes the secret at `at`, if `expect` holds, and returns its new version; `None` if it is deleted.
    ///
    /// Waits for other writers until `attempt` is cancelled.
    fn change(
        &self,
        attempt: &Attempt,
        at: &SecretPath,
        change: Change<'_>,
        expect: &Expect,
    ) -> Result<Option<Version>, VaultError> {
        let creates = matches!((change, expect), (Change::Put(_), Expect::Any | Expect::Absent));
        let Some(Loaded { vault: before, .. }) = self.load(creates)? else {
            // There is no vault file, perhaps not even a folder for the lock, and this change creates none.
            return if matches!(expect, Expect::Version(_)) { Err(conflict(at)) } else { Ok(None) };
        };
        let target = follow_links(&self.settings.file)?;
        if let Some(folder) = target.parent() {
            os::create_folders(folder).map_err(|error| vault_error(folder, Cause::Writing(error)))?;
        }
        let lock =
            Lock::acquire(&target, before.map(|(snapshot, _)| snapshot.attributes), lock::TIMEOUT, || {
                !attempt.is_cancelled()
            })?;
        for _ in 0..MAX_WRITE_ATTEMPTS {
            if let Some(result) = self.try_change(&target, at, change, expect, &lock)? {
                return Ok(result);
            }
        }
        Err(VaultError::vault(
            ErrorKind::Unavailable,
            format!("{} is repeatedly changed by another program; try again", target.display()),
        ))
    }

    /// One attempt; `None` if a program without the lock changed the file meanwhile.
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
        let plaintext = vault.as_ref().map_or("", |(_, contents)| &contents.decrypted.plaintext);
        let edited = edit(target, plaintext, at, fields)?;
        let armored = vault.as_ref().is_some_and(|(_, contents)| contents.decrypted.armored);
        let armored = self.settings.armor.unwrap_or(armored);
        let recipients = self.settings.recipients_file.as_deref().map(recipients::read).transpose()?;
        let sealed = crypt::seal(target, &edited, &keys, recipients.as_deref(), armored)?;
        if sealed.len() > VAULT_MAX_BYTES {
            return Err(VaultError::secret(
                ErrorKind::Unsupported,
                format!(
                    "{} was not written: it would exceed {VAULT_MAX_BYTES} bytes; store {at} in another vault",
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
                format!("{at} was not written: its values cannot be represented in TOML; change them"),
            ));
        }
        let old = vault.as_ref().map(|(snapshot, _)| (snapshot.fingerprint, snapshot.attributes));
        let Replaced::Done(fingerprint, attributes) = replace(target, &sealed, old, lock)? else {
            return Ok(None);
        };
        let snapshot = Snapshot { fingerprint, digest, attributes, open_mode: None, settled: false };
        let contents = Contents { decrypted: Decrypted { plaintext: edited, armored }, document };
        self.state.lock().unwrap_or_else(PoisonError::into_inner).contents =
            Some((snapshot, Arc::new(contents)));
        Ok(Some(version))
    }

    /// Reads the vault file and the key file again if they have changed.
    ///
    /// Without a vault file, keys are needed only if the caller `creates` one. Otherwise the result is `None`, without a
    /// prompt for a passphrase.
    fn load(&self, creates: bool) -> Result<Option<Loaded>, VaultError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = self.refresh(&mut state, creates);
        if loaded.is_err() {
            // Content that cannot be verified is dropped. Serving it stale is the decision of the compartment's cache.
            state.contents = None;
        }
        loaded
    }

    fn refresh(&self, state: &mut State, creates: bool) -> Result<Option<Loaded>, VaultError> {
        let path = &self.settings.file;
        let known = state.contents.as_ref().map(|(known, _)| known);
        // The vault file comes before the keys, because a new one prompts twice for a passphrase.
        let reading = file::read(Role::Vault, path, known)?;
        if reading.is_none() && !creates {
            state.contents = None;
            return Ok(None);
        }
        let keys_before = state.keys.as_ref().map(|(_, keys)| Arc::clone(keys));
        let keys = self.refresh_keys(state, reading.is_none())?;
        let same_keys = keys_before.is_some_and(|before| Arc::ptr_eq(&before, &keys));
        let (known, bytes) = match (reading, state.contents.take()) {
            (None, _) => return Ok(Some(Loaded { keys, vault: None })),
            (Some(Reading::Unchanged(known)), Some((_, contents))) if same_keys => {
                state.contents = Some((known, Arc::clone(&contents)));
                return Ok(Some(Loaded { keys, vault: Some((known, contents)) }));
            }
            (Some(Reading::Changed(known, bytes)), _) => (known, bytes),
            // New keys may not open what the old ones opened.
            (Some(Reading::Unchanged(_)), _) => match file::read_required(Role::Vault, path, None)? {
                Reading::Changed(known, bytes) => (known, bytes),
                Reading::Unchanged(_) => return Err(file::missing(Role::Vault, path)),
            },
        };
        let decrypted = crypt::open(path, &bytes, &keys)?;
        let document = Document::parse(path, &decrypted.plaintext, &known.digest)?;
        let contents = Arc::new(Contents { decrypted, document });
        state.contents = Some((known, Arc::clone(&contents)));
        Ok(Some(Loaded { keys, vault: Some((known, contents)) }))
    }

    fn refresh_keys(&self, state: &mut State, new_vault: bool) -> Result<Arc<Keys>, VaultError> {
        let prompt = self.prompt.as_deref();
        let Some((role, path)) = self.settings.keys.file() else {
            if let Some((_, keys)) = &state.keys {
                return Ok(Arc::clone(keys));
            }
            let keys = Arc::new(Keys::prompt(&self.settings.file, prompt, new_vault)?);
            state.keys = Some((None, Arc::clone(&keys)));
            return Ok(keys);
        };
        let known = state.keys.as_ref().and_then(|(known, _)| known.as_ref());
        let (known, keys) = match (file::read_required(role, path, known)?, state.keys.take()) {
            (Reading::Unchanged(known), Some((_, keys))) => (known, keys),
            (Reading::Changed(known, bytes), _) => {
                (known, Arc::new(Keys::parse(role, path, &bytes, prompt)?))
            }
            (Reading::Unchanged(_), None) => return Err(file::missing(role, path)),
        };
        state.keys = Some((Some(known), Arc::clone(&keys)));
        if let Some(mode) = known.open_mode
            && !std::mem::replace(&mut state.warned, true)
        {
            tracing::warn!(
                "the {role} {} is accessible to other users (mode {mode:04o}); run `chmod 600` on it",
                path.display()
            );
        }
        Ok(keys)
    }
}

impl BlockingStore for Store {
    fn info(&self) -> &VaultInfo {
        &self.info
    }

    fn read(&self, _: &Attempt, at: &SecretPath, names: &[FieldName]) -> Result<Secret, VaultError> {
        self.contents()?.document.read(at, names)
    }

    fn write(
        &self,
        attempt: &Attempt,
        at: &SecretPath,
        fields: &SecretFields,
        expect: &Expect,
    ) -> Result<Version, VaultError> {
        self.change(attempt, at, Change::Put(fields), expect)?.ok_or_else(|| {
            let message =
                format!("{at} was written, but the file does not contain it; check its file system");
            VaultError::vault(ErrorKind::Malformed, message)
        })
    }

    fn delete(&self, attempt: &Attempt, at: &SecretPath, expect: &Expect) -> Result<(), VaultError> {
        self.change(attempt, at, Change::Delete, expect).map(drop)
    }

    fn list(
        &self,
        _: &Attempt,
        prefix: Option<&SecretPath>,
        after: Option<&PageToken>,
    ) -> Result<Page, VaultError> {
        Ok(page(&self.contents()?.document, prefix, after))
    }

    fn probe(&self, _: &Attempt) -> Result<(), VaultError> {
        self.contents().map(drop)
    }

    /// Checks file permissions only. Whoever has the key may do everything with this file, and nothing with others.
    fn diagnose(&self, _: &[SecretPath]) -> Diagnostics {
        diagnose::diagnose(&self.settings)
    }
}

/// The page after `after` of the paths at and below `prefix`.
fn page(document: &Document, prefix: Option<&SecretPath>, after: Option<&PageToken>) -> Page {
    let mut remaining = document
        .paths()
        .filter(|path| prefix.is_none_or(|prefix| path.starts_with(prefix)))
        .filter(|path| after.is_none_or(|after| path.as_str() > after.0.as_str()));
    let paths: Vec<SecretPath> = remaining.by_ref().take(PAGE_PATHS).cloned().collect();
    let next = remaining.next().and_then(|_| paths.last()).map(|last| PageToken(last.to_string()));
    Page { paths, next }
}

fn conflict(at: &SecretPath) -> VaultError {
    VaultError::secret(
        ErrorKind::Conflict,
        format!("the secret {at} was changed by another writer; read it again, then retry"),
    )
}
