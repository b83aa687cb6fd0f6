//! The `[modules.NAME]` tables.

use cofferdam_config::quote::named;
use cofferdam_config::suggestions::{list, suggestion};
use cofferdam_config::{Diagnostic, KeyPath, quote, text};
use figment::value::Value;
use url::Url;

use super::report::Report;
use super::tools;
use crate::broker::PathTemplate;
use crate::manifest::ManifestLibrary;
use crate::profile::address;
use crate::profile::settings::{AccountEntry, ModuleEntry};
use crate::profile::tables::{AccountTable, ModuleTable};
use crate::profile::tool_filter::ToolFilter;

/// A module whose table could be read.
#[derive(Debug)]
pub(in crate::profile) struct CheckedModule {
    pub(super) name: String,
    pub(super) vault: String,
    pub(super) manifest: String,
    pub(super) accounts: Vec<AccountEntry>,
    /// `None` if it is wrong; that has been reported.
    pub(super) path: Option<PathTemplate>,
    base_url: Option<Url>,
    insecure_http: bool,
    tools: ToolFilter,
    in_flight: Option<u32>,
    queue: Option<u32>,
    lookups: Option<u32>,
}

impl CheckedModule {
    /// The module as the profile has it; `None` if its path is wrong.
    pub(in crate::profile) fn into_entry(self) -> Option<ModuleEntry> {
        Some(ModuleEntry {
            name: self.name,
            vault: self.vault,
            manifest: self.manifest,
            accounts: self.accounts,
            base_url: self.base_url,
            path: self.path?,
            insecure_http: self.insecure_http,
            tools: self.tools,
            in_flight: self.in_flight,
            queue: self.queue,
            lookups: self.lookups,
        })
    }
}

/// The modules that could be read, in the file's order.
pub(in crate::profile) fn check(report: &mut Report, manifests: &ManifestLibrary) -> Vec<CheckedModule> {
    let vaults = report.names("vaults");
    let names = report.names("modules");
    if names.is_empty() {
        report.warning(
            &KeyPath::new(["modules"]),
            "this profile has no modules, so there is nothing to call",
            "add a `[modules.NAME]` table with its `vault`",
        );
    }
    let modules: Vec<_> =
        names.into_iter().filter_map(|name| module(report, name, &vaults, manifests)).collect();
    for module in &modules {
        if let Some(file) = manifests.replacement(&module.manifest) {
            let message =
                text!("uses the manifest {}, which replaces the one of the catalogue", quote::path(file));
            let help =
                "its `base_url` decides where credentials are sent; remove the file if this is not meant";
            report.warning(&KeyPath::new(["modules", module.name.as_str()]), message, help);
        }
    }
    modules
}

fn module(
    report: &mut Report,
    name: String,
    vaults: &[String],
    manifests: &ManifestLibrary,
) -> Option<CheckedModule> {
    let path = KeyPath::new(["modules", name.as_str()]);
    let mut keys = report.table("modules", &name)?;
    let names_vault = keys.contains_key("vault");
    // A missing vault has been reported; the other keys are still checked.
    keys.entry("vault".to_owned()).or_insert_with(|| Value::from(""));
    let table: ModuleTable = report.read(&path, keys)?;

    if names_vault && !vaults.contains(&table.vault) {
        let known = || vaults.iter().map(String::as_str);
        let help = match suggestion(&table.vault, known()) {
            Some(suggestion) => suggestion,
            None if vaults.is_empty() => "add a `[vaults.NAME]` table".into(),
            None => text!("the vaults are {}", list(known())),
        };
        let message = text!("{} does not exist", named("vault", &table.vault));
        report.value_error(&path.child("vault"), message, help);
    }
    let manifest = table.manifest.clone().unwrap_or_else(|| name.clone());
    check_manifest(report, &path, &manifest, table.manifest.is_some(), &manifests.names());
    let tools = tools::check(report, &path, &table, manifests.get(&manifest).ok().map(|found| &**found));
    let base_url = base_url(report, &path, table.base_url.as_deref(), table.insecure_http);
    let accounts = accounts(report, &path, table.accounts, table.insecure_http);
    let template = table.path.parse::<PathTemplate>();
    let template = template.map_err(|error| Diagnostic::error("", text!("{error}"), error.help()));
    let template = report.take(&path.child("path"), template);
    Some(CheckedModule {
        name,
        vault: table.vault,
        manifest,
        accounts,
        path: template,
        base_url,
        insecure_http: table.insecure_http,
        tools,
        in_flight: table.in_flight,
        queue: table.queue,
        lookups: table.lookups,
    })
}

fn check_manifest(report: &mut Report, path: &KeyPath, manifest: &str, is_named: bool, known: &[&str]) {
    if known.contains(&manifest) {
        return;
    }
    let names = || known.iter().copied();
    let near = suggestion(manifest, names()).map(|suggestion| text!("{suggestion} ")).unwrap_or_default();
    let message = text!("{} does not exist", named("manifest", manifest));
    if is_named {
        let help = text!("{near}The manifests are {}", list(names()));
        report.value_error(&path.child("manifest"), message, help);
    } else {
        let help = text!("{near}Name one with `manifest`; the manifests are {}", list(names()));
        report.key_error(path, message, help);
    }
}

fn base_url(report: &mut Report, path: &KeyPath, text: Option<&str>, insecure_http: bool) -> Option<Url> {
    report.take(&path.child("base_url"), address::base_url(text?, insecure_http))
}

fn accounts(
    report: &mut Report,
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
            let message = text!("{} is already listed", named("account", &name));
            report.value_error(&path, message, "list each account once");
        }
        let base_url = self::base_url(report, &path, base_url.as_deref(), insecure_http);
        entries.push(AccountEntry { name, base_url });
    }
    entries
}
