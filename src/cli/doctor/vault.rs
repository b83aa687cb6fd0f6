//! The check of one vault and of its accounts.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_config::{Diagnostic, Diagnostics, Text, duration, quote, suggestions, text};
use cofferdam_vault::{ErrorKind, SecretPath, Threads, Vault, VaultError};
use futures_util::StreamExt as _;
use indicatif::ProgressBar;
use tokio::time::timeout;

use super::account::AccountCheck;
use super::help;
use super::links::{self, StoredSecret};
use super::report::Report;
use crate::cli::compose::App;
use crate::cli::hint;
use crate::cli::secret::SecretLocation;

/// The maximum number of concurrent reads from one vault.
const MAX_CONCURRENT_READS: usize = 8;

/// A vault of the profile, with everything that is checked in it.
pub(super) struct VaultCheck {
    name: String,
    profile: String,
    vault: Arc<dyn Vault>,
    modules: Vec<String>,
    accounts: Vec<AccountCheck>,
    /// Modules with one credential per user.
    per_user: Vec<String>,
    /// The locations of the secrets of other vaults with the same backend. The login of this vault must not reach them.
    foreign_locations: Vec<String>,
    /// The secrets of the vaults of the same backend.
    foreign_secrets: Vec<StoredSecret>,
}

impl VaultCheck {
    /// Returns the checks of all vaults, in the order of the profile.
    pub(super) fn for_all(app: &App) -> Vec<Self> {
        let broker = app.calls.broker();
        let mut all: Vec<Self> = broker
            .vaults()
            .into_iter()
            .filter_map(|status| Some(Self::new(app, broker.vault(&status.name)?, status.name)))
            .collect();
        let locations: Vec<(&str, Vec<String>)> =
            all.iter().map(|check| (check.vault.info().backend, check.locations())).collect();
        let secrets: Vec<(&str, Vec<StoredSecret>)> =
            all.iter().map(|check| (check.vault.info().backend, check.secrets())).collect();
        for (index, check) in all.iter_mut().enumerate() {
            let (backend, own) = &locations[index];
            check.foreign_locations = locations
                .iter()
                .enumerate()
                .filter(|(other, (kind, _))| *other != index && kind == backend)
                .flat_map(|(_, (_, locations))| locations)
                .filter(|location| !own.contains(location))
                .cloned()
                .collect();
            check.foreign_secrets = secrets
                .iter()
                .enumerate()
                .filter(|(other, (kind, _))| *other != index && kind == backend)
                .flat_map(|(_, (_, secrets))| secrets.clone())
                .collect();
        }
        all
    }

    fn new(app: &App, vault: Arc<dyn Vault>, name: String) -> Self {
        let (mut modules, mut accounts, mut per_user) = (Vec::new(), Vec::new(), Vec::new());
        for status in app.modules().filter(|status| status.entry.vault == name) {
            modules.push(status.entry.name.clone());
            // A module that cannot be loaded is reported with the profile.
            let Some(module) = status.module else { continue };
            if status.entry.path.is_per_user() {
                per_user.push(module.name.clone());
                continue;
            }
            let locations = module
                .accounts
                .iter()
                .filter_map(|account| SecretLocation::in_module(app, module, &account.name).ok());
            accounts.extend(locations.map(|location| AccountCheck::new(location, &app.profile)));
        }
        let profile = app.profile.clone();
        Self {
            name,
            profile,
            vault,
            modules,
            accounts,
            per_user,
            foreign_locations: Vec::new(),
            foreign_secrets: Vec::new(),
        }
    }

    fn locations(&self) -> Vec<String> {
        self.accounts.iter().filter_map(|account| self.vault.resource(&account.path)).collect()
    }

    fn secrets(&self) -> Vec<StoredSecret> {
        let location = &self.vault.info().location;
        let stored = |account: &AccountCheck| StoredSecret {
            vault: self.name.clone(),
            location: location.clone(),
            path: account.path.clone(),
        };
        self.accounts.iter().map(stored).collect()
    }

    /// Returns the number of steps that [`VaultCheck::run`] adds to a progress bar.
    pub(super) fn steps(&self) -> usize {
        2 + self.accounts.len()
    }

    /// Checks the vault and its accounts, with `limit` for each request.
    pub(super) async fn run(&self, limit: Duration, bar: &ProgressBar) -> Report {
        let subject = format!("vault {}", self.name);
        let mut report = Report::default();
        bar.set_message(subject.clone());
        let probe = self.probe(limit).await;
        bar.inc(1);
        let available = probe.is_ok();
        report.add(
            &subject,
            probe.unwrap_or_else(|error| {
                Diagnostic::error("", text!("{error}"), help::for_error(error.kind(), &*self.vault, None))
            }),
        );
        let sources = &self.vault.info().sources;
        if !sources.is_empty() {
            report.add(
                &subject,
                Diagnostic::info("", text!("uses {}", Text::join(sources.iter().map(Text::unchecked), ", "))),
            );
        }
        for diagnostic in self.diagnose(limit).await {
            report.add(&subject, diagnostic);
        }
        bar.inc(1);
        for diagnostic in self.isolation() {
            report.add(&subject, diagnostic);
        }
        if available {
            for diagnostic in self.links(limit).await {
                report.add(&subject, diagnostic);
            }
            self.check_accounts(limit, bar, &mut report).await;
        } else if !self.accounts.is_empty() {
            let unchecked = match self.accounts.len() {
                1 => "its account was".into(),
                many => text!("its {many} accounts were"),
            };
            let message = text!("{unchecked} not checked, because the vault is down");
            report
                .add(&subject, Diagnostic::warning("", message, "fix the vault, and run the command again"));
        }
        report
    }

    async fn probe(&self, limit: Duration) -> Result<Diagnostic, VaultError> {
        timeout(limit, self.vault.probe()).await.unwrap_or_else(|_| {
            Err(VaultError::vault(ErrorKind::Timeout, format!("no response within {limit:?}")))
        })?;
        let info = self.vault.info();
        let state = match info.capabilities.login {
            true => "reachable and authenticated",
            false => "readable",
        };
        Ok(Diagnostic::info("", text!("{state} ({})", Text::unchecked(&info.location))))
    }

    /// Returns the results of the backend's own checks. A time-out keeps the results that are there already.
    async fn diagnose(&self, limit: Duration) -> Diagnostics {
        let paths: Vec<SecretPath> = self.accounts.iter().map(|account| account.path.clone()).collect();
        let mut diagnostics = Diagnostics::new();
        let done =
            timeout(limit, self.vault.diagnose(&paths, &self.foreign_locations, &mut diagnostics)).await;
        if done.is_err() {
            let message = text!("the detailed checks did not finish within {}", duration::format(limit));
            diagnostics.push(Diagnostic::warning(
                "",
                message,
                "fix the errors of this vault, and run the command again",
            ));
        }
        diagnostics
    }

    /// Returns what this vault shares with others through links. Only for a vault that responds: resolving links blocks.
    async fn links(&self, limit: Duration) -> Vec<Diagnostic> {
        let (own, others) = (self.secrets(), self.foreign_secrets.clone());
        let check = move || Ok(links::diagnostics(&own, &others));
        let threads = Threads::new(self.name.as_str(), 1);
        timeout(limit, threads.run(check)).await.ok().and_then(Result::ok).unwrap_or_default()
    }

    fn isolation(&self) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        if self.modules.len() > 1 {
            let message = text!(
                "shared by the modules {}: they fail together, and one login reads the credentials of all",
                suggestions::list(self.modules.iter().map(String::as_str))
            );
            diagnostics.push(Diagnostic::warning(
                "",
                message,
                "give each module its own vault in the profile",
            ));
        }
        for module in &self.per_user {
            let module = quote::name(module);
            let message = text!("module {module} has one credential per user; none of them was checked");
            let get = hint::command(&self.profile, text!("secret get {module}/ACCOUNT"));
            diagnostics.push(Diagnostic::warning("", message, text!("check one with {get}")));
        }
        diagnostics
    }

    async fn check_accounts(&self, limit: Duration, bar: &ProgressBar, report: &mut Report) {
        let checks = self.accounts.iter().map(|account| async move {
            let diagnostics = account.run(&*self.vault, limit).await;
            bar.inc(1);
            (account, diagnostics)
        });
        let results: Vec<_> =
            futures_util::stream::iter(checks).buffered(MAX_CONCURRENT_READS).collect().await;
        for (account, diagnostics) in results {
            for diagnostic in diagnostics {
                report.add(format!("account {}", account.name), diagnostic);
            }
        }
    }
}
