//! The store: reads and changes the document.

use std::path::Path;

use cofferdam_config::Diagnostics;
use cofferdam_vault::process::Attempt;
use cofferdam_vault::{
    BlockingStore, Expect, FieldName, Page, PageToken, ReadRequest, SaltedObject, Secret, SecretFields,
    SecretPath, VaultError, VaultInfo, Version,
};

use crate::document::Document;
use crate::file::FileDigest;
use crate::format::Format;
use crate::lock::Lock;
use crate::replace::Copy;
use crate::settings::Settings;
use crate::{diagnose, error, file, sops};

/// Maximum number of attempts, if a program without the lock changes the document meanwhile.
const MAX_ATTEMPTS: usize = 3;

/// One document.
pub(crate) struct Store {
    info: VaultInfo,
    settings: Settings,
}

impl Store {
    pub(crate) fn new(info: VaultInfo, settings: Settings) -> Self {
        Self { info, settings }
    }

    /// Changes the secret at `at`, if `expect` holds, and returns its new version; `None` if it is deleted.
    fn change(
        &self,
        attempt: &Attempt,
        at: &SecretPath,
        fields: Option<&SecretFields>,
        expect: &Expect,
    ) -> Result<Option<Version>, VaultError> {
        if self.settings.format != Format::Tables {
            return Err(error::read_only(&self.settings.file));
        }
        // Links are kept: the file behind them is replaced.
        let target = self.settings.file.canonicalize();
        let target = target
            .map_err(|why| error::unreadable(error::Role::Document, &self.settings.file, why.into()))?;
        let folder = target.parent().unwrap_or(Path::new("/"));
        let lock = Lock::acquire(folder, || !attempt.is_cancelled())?;
        for _ in 0..MAX_ATTEMPTS {
            if let Some(result) = self.try_change(attempt, &target, at, fields, expect, &lock)? {
                return Ok(result);
            }
        }
        Err(error::changing(&target))
    }

    /// One attempt; `None` if a program without the lock changed the document meanwhile.
    fn try_change(
        &self,
        attempt: &Attempt,
        target: &Path,
        at: &SecretPath,
        fields: Option<&SecretFields>,
        expect: &Expect,
        lock: &Lock,
    ) -> Result<Option<Option<Version>>, VaultError> {
        let (encrypted, document, digest) = self.load(attempt)?;
        let current = document.version(at);
        let holds = match expect {
            Expect::Any => true,
            Expect::Absent => current.is_none(),
            Expect::Version(version) => current.as_ref() == Some(version),
        };
        if !holds {
            return Err(error::conflict(at));
        }
        let copy = Copy::create(target, &encrypted, lock)?;
        let version = match fields {
            Some(fields) => {
                let (json, version) = SaltedObject::to_json(at, fields)?;
                sops::set(&self.settings, attempt, copy.path(), at, &json)?;
                Some(version)
            }
            None if current.is_none() => return Ok(Some(None)),
            None => {
                sops::unset(&self.settings, attempt, copy.path(), at)?;
                None
            }
        };
        if file::read(target)?.1 != digest {
            return Ok(None);
        }
        copy.persist()?;
        Ok(Some(version))
    }

    /// The document: encrypted, decrypted, and the digest of the encrypted one. All are of one state.
    fn load(&self, attempt: &Attempt) -> Result<(Vec<u8>, Document<'_>, FileDigest), VaultError> {
        let path = &self.settings.file;
        let (mut encrypted, mut digest) = file::read(path)?;
        for _ in 0..MAX_ATTEMPTS {
            let json = sops::decrypt(&self.settings, attempt, path);
            let (after, digest_after) = file::read(path)?;
            if digest_after == digest {
                let document = Document::parse(path, self.settings.format, &json?, digest)?;
                return Ok((encrypted, document, digest));
            }
            (encrypted, digest) = (after, digest_after);
        }
        Err(error::changing(path))
    }
}

impl BlockingStore for Store {
    fn info(&self) -> &VaultInfo {
        &self.info
    }

    fn read(&self, attempt: &Attempt, at: &SecretPath, names: &[FieldName]) -> Result<Secret, VaultError> {
        self.load(attempt)?.1.read(at, names)
    }

    /// Reads all of one state of the document.
    fn read_many(&self, attempt: &Attempt, requests: &[ReadRequest]) -> Vec<Result<Secret, VaultError>> {
        let loaded = self.load(attempt);
        let read = |request: &ReadRequest| match &loaded {
            Ok((_, document, _)) => document.read(&request.path, &request.fields),
            Err(error) => Err(error.clone()),
        };
        requests.iter().map(read).collect()
    }

    fn write(
        &self,
        attempt: &Attempt,
        at: &SecretPath,
        fields: &SecretFields,
        expect: &Expect,
    ) -> Result<Version, VaultError> {
        self.change(attempt, at, Some(fields), expect)?.ok_or_else(|| error::not_written(at))
    }

    fn delete(&self, attempt: &Attempt, at: &SecretPath, expect: &Expect) -> Result<(), VaultError> {
        self.change(attempt, at, None, expect).map(drop)
    }

    /// Returns one page: the document is decrypted as a whole each time.
    fn list(
        &self,
        attempt: &Attempt,
        prefix: Option<&SecretPath>,
        _: Option<&PageToken>,
    ) -> Result<Page, VaultError> {
        if self.settings.format == Format::Variables {
            return Err(error::not_listed());
        }
        Ok(Page::of_all(self.load(attempt)?.1.paths(), prefix))
    }

    /// Opens the document: whether a key opens it is known only then.
    fn probe(&self, attempt: &Attempt) -> Result<(), VaultError> {
        self.load(attempt).map(drop)
    }

    /// Checks files only. Whoever has the key may do everything with this document, and nothing with others.
    fn diagnose(&self, needs: &[SecretPath]) -> Diagnostics {
        diagnose::diagnose(&self.settings, needs)
    }
}
