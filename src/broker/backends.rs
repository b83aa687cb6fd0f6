//! The list of backends: the only place that names concrete ones.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use cofferdam_config::{Diagnostic, Diagnostics, Text, text};
use cofferdam_vault::{BackendConfig, FieldName, SecretPath, StoreIdentity, Vault, VaultContext};
use figment::error::Kind;
use figment::value::Value;
use schemars::{Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

/// Lists backends by name, with the type of their settings. The name is that of the Cargo feature, too.
macro_rules! backends {
    ($($name:tt => $config:path,)*) => {
        /// All backends by name, including those that were compiled out.
        pub const ALL: &[Backend] = &[$(Backend {
            name: $name,
            compiled: {
                #[cfg(feature = $name)]
                const COMPILED: Option<Compiled> = Some(Compiled::new::<$config>());
                #[cfg(not(feature = $name))]
                const COMPILED: Option<Compiled> = None;
                COMPILED
            },
        },)*];
    };
}

backends! {
    "age" => cofferdam_vault_age::Config,
    "aws" => cofferdam_vault_aws::Config,
    "azure" => cofferdam_vault_azure::Config,
    "command" => cofferdam_vault_command::Config,
    "env" => cofferdam_vault_env::Config,
    "file" => cofferdam_vault_file::Config,
    "gcp" => cofferdam_vault_gcp::Config,
    "hashicorp" => cofferdam_vault_hashicorp::Config,
    "keychain" => cofferdam_vault_keychain::Config,
    "kubernetes" => cofferdam_vault_kubernetes::Config,
    "onepassword" => cofferdam_vault_onepassword::Config,
    "sops" => cofferdam_vault_sops::Config,
}

/// The checked settings of a backend: an object-safe [`BackendConfig`].
pub trait VaultSettings: Send {
    /// See [`BackendConfig::PARTED_BY`].
    fn parted_by(&self) -> &'static str;
    /// See [`BackendConfig::store`].
    fn store(&self, base_dir: &Path) -> StoreIdentity;
    /// See [`BackendConfig::names`].
    fn names(&self, base_dir: &Path, path: &SecretPath, fields: &[FieldName]) -> Vec<String>;
    /// See [`BackendConfig::refuses_users`].
    fn refuses_users(&self) -> Option<&'static str>;
    /// See [`BackendConfig::into_vault`].
    fn into_vault(self: Box<Self>, context: VaultContext) -> Arc<dyn Vault>;
}

impl<C: BackendConfig> VaultSettings for C {
    fn parted_by(&self) -> &'static str {
        C::PARTED_BY
    }

    fn store(&self, base_dir: &Path) -> StoreIdentity {
        BackendConfig::store(self, base_dir)
    }

    fn names(&self, base_dir: &Path, path: &SecretPath, fields: &[FieldName]) -> Vec<String> {
        BackendConfig::names(self, base_dir, path, fields)
    }

    fn refuses_users(&self) -> Option<&'static str> {
        BackendConfig::refuses_users(self)
    }

    fn into_vault(self: Box<Self>, context: VaultContext) -> Arc<dyn Vault> {
        BackendConfig::into_vault(*self, context)
    }
}

impl fmt::Debug for dyn VaultSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultSettings")
    }
}

/// One kind of vault.
#[derive(Debug)]
pub struct Backend {
    /// Its name in a profile.
    pub name: &'static str,
    /// How to create one. `None` if the backend was compiled out.
    pub compiled: Option<Compiled>,
}

/// The settings of a backend, or all problems in them.
pub type ReadSettings = Result<Box<dyn VaultSettings>, Diagnostics>;

/// How a compiled-in backend handles the `[vaults.NAME]` table of a profile.
#[derive(Debug)]
pub struct Compiled {
    /// See [`BackendConfig::BACKEND`].
    pub name: &'static str,
    /// Reads and checks a table without the keys of the [policy](super::CompartmentPolicy). Reports all problems together.
    pub read: fn(toml::Table) -> ReadSettings,
    /// The JSON schema of the table.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Compiled {
    /// The handling for the backend with the settings `C`.
    pub const fn new<C: BackendConfig>() -> Self {
        Self { name: C::BACKEND, read: read::<C>, schema: SchemaGenerator::subschema_for::<C> }
    }
}

fn read<C: BackendConfig>(table: toml::Table) -> ReadSettings {
    let config: C = read_table(table)?;
    config.check().into_result(())?;
    Ok(Box::new(config))
}

/// Deserializes a table and reports every key that cannot be read.
///
/// Serde stops at the first error. This removes the key of that error and tries again. A message quotes a value only if
/// the type's own `Deserialize` does.
pub(crate) fn read_table<T: DeserializeOwned>(table: toml::Table) -> Result<T, Diagnostics> {
    let mut table = Value::serialize(table).map_err(|_| unreadable(""))?;
    let mut problems = Diagnostics::new();
    loop {
        let error = match table.deserialize::<T>() {
            Ok(read) if problems.is_empty() => return Ok(read),
            Ok(_) => return Err(problems),
            Err(error) => error,
        };
        // A key that is missing now may be one that was removed.
        let missing = matches!(error.kind, Kind::MissingField(_));
        if !missing || problems.is_empty() {
            problems.push(unread(&error));
        }
        let removed = match (&mut table, error.path.first()) {
            (Value::Dict(_, keys), Some(key)) => keys.remove(key).is_some(),
            _ => false,
        };
        if !removed {
            return Err(problems);
        }
    }
}

fn unread(error: &figment::Error) -> Diagnostic {
    let key = error.path.join(".");
    let names = |names: &'static [&'static str]| text!("write one of: {}", Text::join(names, ", "));
    // What a type expects it says before it has read anything.
    let write = |expected: &str| text!("write {}", Text::unchecked(expected));
    match &error.kind {
        // A type that reads itself describes what is wrong, and does not quote what it read.
        Kind::Message(message) => Diagnostic::error(key, Text::unchecked(message), "correct the value"),
        Kind::InvalidType(_, expected) => {
            Diagnostic::error(key, "a value of another type is needed", write(expected))
        }
        Kind::InvalidValue(_, expected) | Kind::InvalidLength(_, expected) => {
            Diagnostic::error(key, "this value is not allowed", write(expected))
        }
        Kind::UnknownVariant(_, known) => Diagnostic::error(key, "there is no such choice", names(known)),
        Kind::UnknownField(field, known) => {
            Diagnostic::error(key_of_field(&error.path, field), "unknown key", names(known))
        }
        Kind::MissingField(field) => {
            Diagnostic::error(key_of_field(&error.path, field), "this key is missing", "add it")
        }
        _ => unreadable(&key),
    }
}

/// The dotted key of `field` in the table at `path`. figment includes an unknown field in the path, but not a missing one.
fn key_of_field(path: &[String], field: &str) -> String {
    let table = path.strip_suffix(&[field.to_owned()]).unwrap_or(path);
    table.iter().map(String::as_str).chain([field]).collect::<Vec<_>>().join(".")
}

fn unreadable(key: &str) -> Diagnostic {
    Diagnostic::error(
        key,
        "this value cannot be read",
        "see `cofferdam profile schema` for what the key takes",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)] // only read by the derived code
    struct Settings {
        port: u16,
        name: String,
        #[serde(default)]
        more: Option<bool>,
    }

    fn problems(text: &str) -> Vec<String> {
        let problems = read_table::<Settings>(text.parse().unwrap()).unwrap_err();
        problems
            .into_iter()
            .map(|problem| format!("{}: {}; {}", problem.key, problem.message, problem.help))
            .collect()
    }

    #[test]
    fn every_key_that_cannot_be_read_is_reported_without_its_value() {
        assert_eq!(
            problems("port = 'c4nary'\nname = 'n'\nmore = 'c4nary'\nzebra = 'c4nary'"),
            [
                "more: a value of another type is needed; write a boolean",
                "port: a value of another type is needed; write u16",
                "zebra: unknown key; write one of: port, name, more",
            ]
        );
        assert_eq!(problems("port = 1"), ["name: this key is missing; add it"]);
        assert!(read_table::<Settings>("port = 1\nname = 'n'".parse().unwrap()).is_ok());
    }

    #[test]
    fn each_backend_is_listed_once_under_its_own_name() {
        let names: Vec<_> = ALL.iter().map(|backend| backend.name).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        for backend in ALL {
            let own = backend.compiled.as_ref().map(|compiled| compiled.name);
            assert_eq!(own.unwrap_or(backend.name), backend.name);
        }
    }

    #[test]
    fn a_duration_that_is_a_credential_is_not_quoted() {
        let table: toml::Table = "attempt_timeout = 'ghp_q7Zp2mXv9LrT4wBn'".parse().unwrap();
        let found = read_table::<super::super::CompartmentPolicy>(table).unwrap_err().to_string();
        assert!(found.starts_with("attempt_timeout: ") && !found.contains("q7Zp2mXv9LrT4wBn"), "{found}");
    }
}
