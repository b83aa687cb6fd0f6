//! The `[modules.NAME]` tables, and whether they fit the vaults.

use std::collections::HashMap;

use figment::value::Value;
use url::Url;

use super::Check;
use crate::profile::address;
use crate::profile::document::Part;
use crate::profile::key::{KeyPath, listed, nearest};
use crate::profile::tables::{AccountTable, ModuleTable};
use crate::profile::template::Template;
use crate::profile::{AccountEntry, KnownManifests, ModuleEntry, VaultEntry};

/// A module that could be read, with its template as far as that is right.
#[derive(Debug)]
pub(super) struct CheckedModule {
    pub(super) entry: ModuleEntry,
    template: Option<Template>,
}

impl Check<'_> {
    /// The modules that could be read, in the file's order.
    pub(super) fn modules(&mut self, manifests: &dyn KnownManifests) -> Vec<CheckedModule> {
        let vaults = self.names("vaults");
        let known = manifests.names();
        let names = self.names("modules");
        if names.is_empty() {
            let remedy = "add a `[modules.NAME]` table with its `vault`";
            self.warning(
                &KeyPath::of(["modules"]),
                "this profile has no modules, so there is nothing to call",
                remedy,
            );
        }
        names.into_iter().filter_map(|name| self.module(name, &vaults, &known)).collect()
    }

    fn module(&mut self, name: String, vaults: &[String], manifests: &[String]) -> Option<CheckedModule> {
        let path = KeyPath::of(["modules", name.as_str()]);
        let mut keys = self.table("modules", &name)?;
        let names_vault = keys.contains_key("vault");
        // Its absence has been told; the other keys are worth a look all the same.
        keys.entry("vault".to_owned()).or_insert_with(|| Value::from(""));
        let table: ModuleTable = self.read(&path, keys)?;

        if names_vault && !vaults.contains(&table.vault) {
            let known = || vaults.iter().map(String::as_str);
            let remedy = match nearest(&table.vault, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the vaults are: {}", listed(known())),
            };
            self.problem(&path.child("vault"), Part::Value, "this profile has no such vault", remedy);
        }
        let manifest = table.manifest.clone().unwrap_or_else(|| name.clone());
        self.manifest(&path, &manifest, table.manifest.is_some(), manifests);
        let base_url = self.base_url(&path, table.base_url.as_deref(), table.insecure_http);
        let accounts = self.accounts(&path, table.accounts, table.insecure_http);
        let template = match Template::parse(&table.path) {
            Ok(template) => Some(template),
            Err((message, remedy)) => {
                self.problem(&path.child("path"), Part::Value, message, remedy);
                None
            }
        };
        let entry = ModuleEntry {
            name,
            vault: table.vault,
            manifest,
            accounts,
            base_url,
            path: table.path,
            insecure_http: table.insecure_http,
        };
        Some(CheckedModule { entry, template })
    }

    fn manifest(&mut self, path: &KeyPath, manifest: &str, is_named: bool, known: &[String]) {
        if known.iter().any(|known| known == manifest) {
            return;
        }
        let names = || known.iter().map(String::as_str);
        let near =
            nearest(manifest, names()).map_or(String::new(), |near| format!("did you mean `{near}`? "));
        if is_named {
            let remedy = format!("{near}There are: {}", listed(names()));
            self.problem(&path.child("manifest"), Part::Value, "there is no such manifest", remedy);
        } else {
            let message = "there is no manifest of this module's name";
            let remedy = format!("{near}Name one with `manifest`; there are: {}", listed(names()));
            self.problem(path, Part::Key, message, remedy);
        }
    }

    fn base_url(&mut self, path: &KeyPath, text: Option<&str>, insecure_http: bool) -> Option<Url> {
        match address::base_url(text?, insecure_http) {
            Ok(url) => Some(url),
            Err((message, remedy)) => {
                self.problem(&path.child("base_url"), Part::Value, message, remedy);
                None
            }
        }
    }

    fn accounts(
        &mut self,
        path: &KeyPath,
        accounts: Vec<AccountTable>,
        insecure_http: bool,
    ) -> Vec<AccountEntry> {
        let path = path.child("accounts");
        let mut entries: Vec<AccountEntry> = Vec::with_capacity(accounts.len());
        for (index, account) in accounts.into_iter().enumerate() {
            let path = path.child(index);
            let (name, base_url) = match account {
                AccountTable::Name(name) => (name, None),
                AccountTable::Table(table) => (table.name, table.base_url),
            };
            if entries.iter().any(|entry| entry.name == name) {
                let message = format!("there is an account `{name}` already");
                self.problem(&path, Part::Value, message, "name each account once");
            }
            let base_url = self.base_url(&path, base_url.as_deref(), insecure_http);
            entries.push(AccountEntry { name, base_url });
        }
        entries
    }

    /// Whether the modules' secrets stay apart, and whether their vaults can hold them.
    pub(super) fn paths(
        &mut self,
        vaults: &[VaultEntry],
        modules: &[CheckedModule],
        manifests: &dyn KnownManifests,
    ) {
        let mut taken: HashMap<(&str, String), &str> = HashMap::new();
        for CheckedModule { entry, template } in modules {
            let Some(template) = template else { continue };
            let path = KeyPath::of(["modules", entry.name.as_str(), "path"]);
            for account in &entry.accounts {
                let secret = (entry.vault.as_str(), template.filled(&entry.name, &account.name));
                match taken.insert(secret, &entry.name) {
                    Some(other) if other != entry.name => {
                        // One service would be sent the credential of another.
                        let message =
                            format!("account `{}` reads the same secret as module `{other}`", account.name);
                        self.problem(&path, Part::Value, message, "put `{module}` into the path");
                    }
                    _ => {}
                }
            }
        }
        for vault in vaults {
            let path = KeyPath::of(["vaults", vault.name.as_str()]);
            let bound: Vec<_> = modules.iter().filter(|module| module.entry.vault == vault.name).collect();
            if bound.is_empty() && !modules.is_empty() {
                self.warning(&path, "no module uses this vault", "take it out, or name it in a module");
            }
            let mut wanted = Vec::new();
            for CheckedModule { entry, template } in bound {
                let Some(template) = template else { continue };
                if let (true, Some(why)) = (template.has_user(), vault.settings.refuses_users()) {
                    let path = KeyPath::of(["modules", entry.name.as_str(), "path"]);
                    let message = format!("`{{user}}` cannot stand here: {why}");
                    self.problem(&path, Part::Value, message, "take `{user}` out, or name another vault");
                }
                let fields = manifests.credential_fields(&entry.manifest).unwrap_or_default();
                let paths = entry
                    .accounts
                    .iter()
                    .filter_map(|account| template.secret_path(&entry.name, &account.name));
                wanted.extend(paths.map(|path| (path, fields.clone())));
            }
            self.table_problems(&path, vault.settings.collisions(&wanted));
        }
    }
}
