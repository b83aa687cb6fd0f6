//! The store: reads, changes and lists secrets by running commands.

use std::hash::RandomState;

use cofferdam_config::Diagnostics;
use cofferdam_vault::process::{Attempt, find_program};
use cofferdam_vault::{
    BlockingStore, ErrorKind, Expect, FieldName, Page, PageToken, SaltedObject, Scope, Secret, SecretFields,
    SecretPath, VaultError, VaultInfo, Version,
};

use crate::content::{self, Document};
use crate::runner::{MAX_LIST_BYTES, MAX_SECRET_BYTES, Run, Verdict, run};
use crate::settings::Settings;
use crate::template::Template;
use crate::{diagnose, error};

/// The commands of one vault.
pub(crate) struct Store {
    info: VaultInfo,
    settings: Settings,
    /// The key of the hash in versions; never leaves the process.
    key: RandomState,
}

impl Store {
    pub(crate) fn new(info: VaultInfo, settings: Settings) -> Self {
        Self { info, settings, key: RandomState::new() }
    }

    /// What `read` prints.
    fn output(
        &self,
        attempt: &Attempt,
        at: &SecretPath,
        field: Option<&FieldName>,
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, VaultError> {
        let read = &self.settings.read;
        let run_read = Run {
            key: "read",
            command: read,
            arguments: read.arguments(at, field)?,
            input: &[],
            max_output_bytes: MAX_SECRET_BYTES,
            scope: Scope::Secret,
        };
        match run(&self.settings, attempt, &run_read)? {
            Verdict::Success(output) => Ok(output),
            Verdict::NotFound(end) => {
                // An outage may have the same exit code, and must not be reported as an absent secret.
                self.probe(attempt)?;
                Err(error::absent(at, end))
            }
        }
    }

    fn document(&self, attempt: &Attempt, at: &SecretPath) -> Result<Document, VaultError> {
        let output = self.output(attempt, at, None)?;
        Document::parse(&output, at, &self.key).map_err(|defect| error::defective(at, defect))
    }

    /// The version of the secret at `at`; `None` if it is absent.
    fn current(&self, attempt: &Attempt, at: &SecretPath) -> Result<Option<Version>, VaultError> {
        match self.document(attempt, at) {
            Ok(document) => Ok(Some(document.version)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn check(&self, current: Option<&Version>, at: &SecretPath, expect: &Expect) -> Result<(), VaultError> {
        let holds = match expect {
            Expect::Any => true,
            Expect::Absent => current.is_none(),
            Expect::Version(version) => current == Some(version),
        };
        if holds { Ok(()) } else { Err(error::conflict(at)) }
    }

    fn apply(
        &self,
        attempt: &Attempt,
        key: &'static str,
        command: &Template,
        at: &SecretPath,
        input: &[u8],
    ) -> Result<(), VaultError> {
        let arguments = command.arguments(at, None)?;
        let scope = Scope::Vault;
        let change = Run { key, command, arguments, input, max_output_bytes: MAX_SECRET_BYTES, scope };
        match run(&self.settings, attempt, &change)? {
            Verdict::Success(_) => Ok(()),
            Verdict::NotFound(end) => Err(error::failed(key, command.program.as_ref(), end, false)),
        }
    }

    fn run_plain(
        &self,
        attempt: &Attempt,
        key: &'static str,
        command: &Template,
    ) -> Result<Verdict, VaultError> {
        let (arguments, scope) = (command.plain_arguments(), Scope::Vault);
        let plain = Run { key, command, arguments, input: &[], max_output_bytes: MAX_LIST_BYTES, scope };
        run(&self.settings, attempt, &plain)
    }

    fn change(&self) -> Result<(&Template, &Template), VaultError> {
        let change = self.settings.change.as_ref().map(|(write, delete)| (write, delete));
        change.ok_or_else(|| {
            VaultError::secret(
                ErrorKind::ReadOnly,
                "this vault has no commands `write` and `delete`; add them, or change the secret in its store",
            )
        })
    }
}

impl BlockingStore for Store {
    fn info(&self) -> &VaultInfo {
        &self.info
    }

    fn read(&self, attempt: &Attempt, at: &SecretPath, names: &[FieldName]) -> Result<Secret, VaultError> {
        if names.is_empty() && !self.info.capabilities.list {
            let version = Version::new("none");
            return Ok(Secret { fields: SecretFields::new(), version, valid_for: None, lease: None });
        }
        let (fields, version) = if self.settings.reads_one_field() {
            let mut fields = SecretFields::new();
            for name in names {
                if !fields.contains_key(name) {
                    let output = self.output(attempt, at, Some(name))?;
                    let value = content::value(&output).map_err(|defect| error::defective(at, defect))?;
                    fields.insert(name.clone(), value);
                }
            }
            let named = fields.iter().map(|(name, value)| (name.as_str(), value));
            let version = content::unsalted_version(at, named, &self.key);
            (fields, version)
        } else {
            let document = self.document(attempt, at)?;
            let version = document.version.clone();
            (document.select(names).map_err(|defect| error::defective(at, defect))?, version)
        };
        Ok(Secret { fields, version, valid_for: None, lease: None })
    }

    /// What is expected is compared with the state just before: a command line offers nothing better.
    fn write(
        &self,
        attempt: &Attempt,
        at: &SecretPath,
        fields: &SecretFields,
        expect: &Expect,
    ) -> Result<Version, VaultError> {
        let (write, _) = self.change()?;
        if *expect != Expect::Any {
            self.check(self.current(attempt, at)?.as_ref(), at, expect)?;
        }
        let (mut object, version) = SaltedObject::to_json(at, fields)?;
        // The programs are given a line of text. The buffer has room for it.
        object.push(b'\n');
        self.apply(attempt, "write", write, at, &object)?;
        Ok(version)
    }

    fn delete(&self, attempt: &Attempt, at: &SecretPath, expect: &Expect) -> Result<(), VaultError> {
        let (_, delete) = self.change()?;
        let current = match self.current(attempt, at) {
            // It is there, and whatever it is may be deleted.
            Err(defect) if defect.scope() == Scope::Secret && *expect == Expect::Any => {
                return self.apply(attempt, "delete", delete, at, &[]);
            }
            current => current?,
        };
        self.check(current.as_ref(), at, expect)?;
        if current.is_some() { self.apply(attempt, "delete", delete, at, &[]) } else { Ok(()) }
    }

    /// Returns one page: the command lists everything each time.
    fn list(
        &self,
        attempt: &Attempt,
        prefix: Option<&SecretPath>,
        _: Option<&PageToken>,
    ) -> Result<Page, VaultError> {
        let Some(list) = &self.settings.list else {
            return Err(VaultError::secret(
                ErrorKind::Unsupported,
                "this vault has no command `list`; add it",
            ));
        };
        match self.run_plain(attempt, "list", list)? {
            Verdict::Success(output) => {
                let paths = content::paths(&output).map_err(|_| error::not_a_list())?;
                Ok(Page::of_all(paths, prefix))
            }
            Verdict::NotFound(_) => self.probe(attempt).map(|()| Page::of_all([], prefix)),
        }
    }

    fn probe(&self, attempt: &Attempt) -> Result<(), VaultError> {
        let Some(probe) = &self.settings.probe else {
            let Settings { read, folder, .. } = &self.settings;
            return find_program(&read.program, folder, &self.settings.environment()).map(drop);
        };
        match self.run_plain(attempt, "probe", probe)? {
            Verdict::Success(_) => Ok(()),
            Verdict::NotFound(end) => Err(error::failed("probe", probe.program.as_ref(), end, false)),
        }
    }

    /// Runs no program: nothing can be asked of one that is not known.
    fn diagnose(&self, _: &[SecretPath]) -> Diagnostics {
        diagnose::diagnose(&self.settings)
    }
}
