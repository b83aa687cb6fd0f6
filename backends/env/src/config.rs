//! The keys of a `[vaults.NAME]` table with `backend = "env"`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cofferdam_config::{Diagnostic, Diagnostics};
use cofferdam_vault::{BackendConfig, FieldName, SecretPath, Vault, VaultContext};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::backend::EnvVault;
use crate::names;

/// Environment variables, and a `.env` file where one is named. Read-only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What stands before every variable, joined with `_`: with `"ACME"`, `GITHUB_TOKEN` becomes `ACME_GITHUB_TOKEN`.
    /// Used as it is written. Absent: nothing stands before them.
    pub prefix: Option<String>,
    /// A `.env` file for variables that the process itself does not have, relative to the profile's folder; read
    /// anew for each secret. While it is missing or cannot be read, the whole vault is down. Absent: no file.
    pub dotenv: Option<PathBuf>,
}

impl BackendConfig for Config {
    const BACKEND: &'static str = "env";

    fn check(&self) -> Diagnostics {
        let mut problems = Diagnostics::new();
        if let Some(prefix) = &self.prefix
            && let Some(why) = names::refuse_prefix(prefix)
        {
            let message = format!("`{}` {why}", prefix.escape_debug());
            problems.push(Diagnostic::error("prefix", message, "write for example \"ACME\""));
        }
        if self.dotenv.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
            let remedy = "name a file, for example \".env\", or leave the key out";
            problems.push(Diagnostic::error("dotenv", "the path is empty", remedy));
        }
        problems
    }

    fn collisions(&self, secrets: &[(SecretPath, Vec<FieldName>)]) -> Diagnostics {
        let mut users: BTreeMap<String, Vec<(&SecretPath, &FieldName)>> = BTreeMap::new();
        for (path, fields) in secrets {
            for field in fields {
                let users = users.entry(names::variable(self.prefix.as_deref(), path, field)).or_default();
                if !users.contains(&(path, field)) {
                    users.push((path, field));
                }
            }
        }
        users.retain(|_, users| users.len() > 1);
        let problem = |(variable, users): (String, Vec<(&SecretPath, &FieldName)>)| {
            let users: Vec<_> = users.iter().map(|(path, field)| format!("`{field}` of {path}")).collect();
            Diagnostic::error(
                "backend",
                format!("{} all land on the variable {variable}", users.join(" and ")),
                "rename an account or a module, or give one of them a vault with another `prefix`",
            )
        };
        users.into_iter().map(problem).collect()
    }

    fn refuses_users(&self) -> Option<&'static str> {
        Some("environment variables are the same for every user; a path with `{user}` needs another backend")
    }

    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault> {
        Arc::new(EnvVault::new(&self, &context, Arc::new(|name| std::env::var_os(name))))
    }
}
