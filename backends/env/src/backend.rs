//! The vault: environment variables and a `.env` file.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use cofferdam_config::{Diagnostic, Diagnostics, text};
use cofferdam_vault::{
    BackendConfig, BoxFuture, Capabilities, ErrorKind, Expect, ExposeSecret as _, FieldName, Page, PageToken,
    Protection, Secret, SecretFields, SecretPath, SecretString, Stage, StoreIdentity, Threads, Vault,
    VaultContext, VaultError, VaultInfo, Version, file_permissions,
};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::dotenv::{Dotenv, InvalidLine};
use crate::file::DotenvFile;
use crate::names;
use crate::version::Versions;

/// Maximum number of invalid lines that a diagnosis names.
const MAX_REPORTED_LINES: usize = 10;

/// Looks up a variable of the process.
pub(crate) type Lookup = Arc<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// Environment variables as a vault.
pub(crate) struct EnvVault {
    info: VaultInfo,
    prefix: Option<String>,
    process: Lookup,
    dotenv: Option<Arc<DotenvFile>>,
    threads: Threads,
    versions: Versions,
}

impl BackendConfig for Config {
    const BACKEND: &'static str = "env";

    fn check(&self) -> Diagnostics {
        self.diagnostics()
    }

    const PARTED_BY: &'static str = "prefix";

    /// The environment of the process: every vault reads it before its `.env` file.
    fn store(&self, _: &Path) -> StoreIdentity {
        StoreIdentity::new([])
    }

    fn names(&self, _: &Path, path: &SecretPath, fields: &[FieldName]) -> Vec<String> {
        let variable = |field| names::variable(self.prefix.as_deref(), path, field);
        // Windows does not tell variables apart by case.
        let one_spelling = |name: String| if cfg!(windows) { name.to_ascii_uppercase() } else { name };
        fields.iter().map(variable).map(one_spelling).collect()
    }

    fn refuses_users(&self) -> Option<&'static str> {
        Some("environment variables are the same for every user; a path with `{user}` needs another backend")
    }

    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault> {
        Arc::new(EnvVault::new(&self, &context, Arc::new(|name| std::env::var_os(name))))
    }
}

impl EnvVault {
    pub(crate) fn new(config: &Config, context: &VaultContext, process: Lookup) -> Self {
        let dotenv = config.dotenv.as_ref().map(|path| Arc::new(DotenvFile::new(context.resolve(path))));
        let location = match &dotenv {
            Some(file) => format!("environment variables and {}", file.path().display()),
            None => "environment variables".to_owned(),
        };
        Self {
            info: VaultInfo {
                backend: Config::BACKEND,
                location,
                sources: Vec::new(),
                capabilities: Capabilities::default(),
            },
            prefix: config.prefix.clone(),
            process,
            dotenv,
            threads: context.threads.clone(),
            versions: Versions::default(),
        }
    }

    /// The content of the `.env` file; empty if the settings name none.
    async fn file_variables(&self) -> Result<Dotenv, VaultError> {
        match &self.dotenv {
            Some(file) => {
                let file = Arc::clone(file);
                self.threads.run(move || file.load()).await
            }
            None => Ok(Dotenv::default()),
        }
    }

    /// The value of a variable in the process, else in the file. An empty one counts as unset.
    fn value(&self, name: &str, file: &Dotenv) -> Result<Option<SecretString>, VaultError> {
        let process = match (self.process)(name).map(OsString::into_string) {
            Some(Ok(text)) => {
                let text = Zeroizing::new(text);
                (!text.is_empty()).then(|| SecretString::from(text.as_str()))
            }
            Some(Err(raw)) => {
                drop(Zeroizing::new(raw.into_encoded_bytes()));
                let message =
                    format!("the environment variable {name} is not UTF-8; set it to a valid string");
                return Err(VaultError::secret(ErrorKind::Malformed, message));
            }
            None => None,
        };
        if process.is_some() {
            return Ok(process);
        }
        match file.variables.get(name) {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value.clone()).filter(|value| !value.expose_secret().is_empty())),
            Some(Err(invalid)) => {
                let message = format!("{name} has no value: {}", self.invalid(invalid));
                Err(VaultError::secret(ErrorKind::Malformed, message))
            }
        }
    }

    /// An invalid line, where it is, and what to do.
    fn invalid(&self, line: &InvalidLine) -> String {
        let path = self.dotenv.as_ref().map(|file| file.path().display().to_string()).unwrap_or_default();
        format!("{line} of {path}; {}", line.why.help())
    }

    fn collect(&self, path: &SecretPath, fields: &[FieldName], file: &Dotenv) -> Result<Secret, VaultError> {
        let names: Vec<_> =
            fields.iter().map(|field| names::variable(self.prefix.as_deref(), path, field)).collect();
        let mut found = SecretFields::new();
        let mut missing = Vec::new();
        for (field, name) in fields.iter().zip(&names) {
            match self.value(name, file)? {
                Some(value) => drop(found.insert(field.clone(), value)),
                None => missing.push(name.as_str()),
            }
        }
        if !missing.is_empty() {
            return Err(self.unset(&missing, file));
        }
        let values: Vec<_> =
            fields.iter().filter_map(|field| found.get(field)).map(|v| v.expose_secret()).collect();
        let version = self.versions.version(names, &values);
        Ok(Secret { fields: found, version, valid_for: None, lease: None })
    }

    fn unset(&self, names: &[&str], content: &Dotenv) -> VaultError {
        let exports: Vec<_> = names.iter().map(|name| format!("{name}=…")).collect();
        let file = match &self.dotenv {
            Some(file) => format!("set it in {}", file.path().display()),
            None => "name a .env file (`dotenv`)".to_owned(),
        };
        let mut message = format!(
            "{} {} unset or empty; `export {}` and restart, or {file}",
            names.join(", "),
            if names.len() == 1 { "is" } else { "are" },
            exports.join(" "),
        );
        // It may be the assignment that is missing.
        if let Some(stray) = content.stray.first() {
            message.push_str(&format!("; {}", self.invalid(stray)));
        }
        VaultError::secret(ErrorKind::NotFound, message)
    }
}

/// The error of a write or delete.
fn read_only(what: &str) -> VaultError {
    let message =
        format!("environment variables are read-only; {what} in the server's environment and restart");
    VaultError::secret(ErrorKind::ReadOnly, message)
}

impl Vault for EnvVault {
    fn info(&self) -> &VaultInfo {
        &self.info
    }

    fn read<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a [FieldName],
        stage: Stage,
    ) -> BoxFuture<'a, Result<Secret, VaultError>> {
        Box::pin(async move {
            stage.require_current("the environment")?;
            // Also if the process has every variable: the vault is up or down as a whole, as the probe reports it.
            let file = self.file_variables().await?;
            self.collect(path, fields, &file)
        })
    }

    fn write<'a>(
        &'a self,
        path: &'a SecretPath,
        fields: &'a SecretFields,
        _expect: Expect,
    ) -> BoxFuture<'a, Result<Version, VaultError>> {
        let names = fields.keys().map(|field| names::variable(self.prefix.as_deref(), path, field));
        let names = names.collect::<Vec<_>>().join(", ");
        // A write without fields checks whether the vault is writable.
        let what = if names.is_empty() { "set them".to_owned() } else { format!("set {names}") };
        Box::pin(async move { Err(read_only(&what)) })
    }

    fn delete<'a>(&'a self, _path: &'a SecretPath, _expect: Expect) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async { Err(read_only("unset them")) })
    }

    fn list<'a>(
        &'a self,
        _prefix: Option<&'a SecretPath>,
        _after: Option<&'a PageToken>,
    ) -> BoxFuture<'a, Result<Page, VaultError>> {
        Box::pin(async {
            let message = "environment variables cannot be listed: their names do not identify a secret";
            Err(VaultError::secret(ErrorKind::Unsupported, message))
        })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(async move { self.file_variables().await.map(drop) })
    }

    /// Checks who else can read the `.env` file, and its lines. Who else has the variables of the process cannot be
    /// determined.
    fn diagnose<'a>(
        &'a self,
        _: &'a [SecretPath],
        _: &'a [String],
        found: &'a mut Diagnostics,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let Some(file) = self.dotenv.clone() else { return };
            let check = move || Ok(file_permissions(file.path(), "the .env file", Protection::Secrecy));
            // If no thread is free, the probe reports it.
            found.extend(self.threads.run(check).await.ok().flatten());
            // If it cannot be read, the probe reports it.
            let Ok(content) = self.file_variables().await else { return };
            found.extend(content.invalid_lines().iter().take(MAX_REPORTED_LINES).map(|line| {
                Diagnostic::warning("", text!("{line} in the .env file, and is not used"), line.why.help())
            }));
        })
    }
}

impl fmt::Debug for EnvVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvVault")
            .field("location", &self.info.location)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
