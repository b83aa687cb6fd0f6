//! Each vault with its accounts: in reach, logged in, permitted, present, well-formed, ending soon.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_config::{Diagnostic, Diagnostics};
use cofferdam_vault::{ErrorKind, FieldName, Scope, Secret, SecretPath, Stage, Vault, VaultError};
use futures_util::StreamExt as _;
use indicatif::ProgressBar;
use tokio::time::timeout;

use super::super::compose::Composed;
use super::super::secret::Place;
use super::fields;
use super::report::Report;

/// How many accounts of one vault are read at a time.
const READS_AT_ONCE: usize = 8;

/// A secret that is valid for less than this is bad: nobody may look again before.
const SOON: Duration = Duration::from_secs(24 * 60 * 60);

/// One that is valid for less than this should be known.
const LATER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A vault of the profile, and what is to be looked at in it.
pub(super) struct Subject {
    name: String,
    vault: Arc<dyn Vault>,
    modules: Vec<String>,
    accounts: Vec<Account>,
    /// Modules of which every user brings a credential.
    per_user: Vec<String>,
    /// Where the other vaults' secrets lie, by the same backend.
    elsewhere: Vec<String>,
}

struct Account {
    name: String,
    path: SecretPath,
    fields: Vec<FieldName>,
}

impl Subject {
    /// Every vault, in the profile's order.
    pub(super) fn all(composed: &Composed) -> Vec<Self> {
        let broker = composed.calls.broker();
        let vaults = broker.vaults().into_iter().filter_map(|status| {
            let vault = broker.vault(&status.name)?;
            Some(Self::of(composed, status.name, vault))
        });
        let mut all: Vec<Self> = vaults.collect();
        let places: Vec<(&str, Vec<String>)> =
            all.iter().map(|subject| (subject.vault.info().backend, subject.places())).collect();
        let elsewhere: Vec<Vec<String>> = places
            .iter()
            .enumerate()
            .map(|(at, (backend, own))| {
                let others =
                    places.iter().enumerate().filter(|(other, (kind, _))| *other != at && kind == backend);
                let others = others.flat_map(|(_, (_, places))| places);
                others.filter(|place| !own.contains(place)).cloned().collect()
            })
            .collect();
        for (subject, elsewhere) in all.iter_mut().zip(elsewhere) {
            subject.elsewhere = elsewhere;
        }
        all
    }

    fn of(composed: &Composed, name: String, vault: Arc<dyn Vault>) -> Self {
        let (mut modules, mut accounts, mut per_user) = (Vec::new(), Vec::new(), Vec::new());
        for status in composed.modules().filter(|status| status.entry.vault == name) {
            modules.push(status.entry.name.clone());
            // One whose manifest was refused is told with the profile.
            let Some(module) = status.module else { continue };
            if status.entry.path.is_per_user() {
                per_user.push(module.name.clone());
                continue;
            }
            let places =
                module.accounts.iter().filter_map(|a| Place::in_module(composed, module, &a.name).ok());
            accounts.extend(places.map(|place| Account {
                name: place.target.to_string(),
                path: place.path,
                fields: place.needs,
            }));
        }
        Self { name, vault, modules, accounts, per_user, elsewhere: Vec::new() }
    }

    fn places(&self) -> Vec<String> {
        self.accounts.iter().filter_map(|account| self.vault.resource(&account.path)).collect()
    }

    /// How many steps of progress a look takes.
    pub(super) fn steps(&self) -> usize {
        2 + self.accounts.len()
    }

    /// Looks at the vault and its accounts; `patience` is for each question.
    pub(super) async fn look(&self, patience: Duration, bar: &ProgressBar) -> Report {
        let subject = format!("vault {}", self.name);
        let mut report = Report::default();
        let probed = timeout(patience, self.vault.probe()).await.unwrap_or_else(|_| {
            Err(VaultError::vault(ErrorKind::Timeout, format!("no answer within {patience:?}")))
        });
        bar.set_message(subject.clone());
        bar.inc(1);
        let up = probed.is_ok();
        let location = &self.vault.info().location;
        report.add(
            &subject,
            match probed {
                Ok(()) => Diagnostic::info("", format!("in reach, and it knows us ({location})")),
                Err(error) => Diagnostic::error("", error.message(), remedy(error.kind())),
            },
        );
        let needs: Vec<SecretPath> = self.accounts.iter().map(|account| account.path.clone()).collect();
        let mut found = Diagnostics::new();
        let ended = timeout(patience, self.vault.diagnose(&needs, &self.elsewhere, &mut found)).await;
        bar.inc(1);
        if ended.is_err() {
            // What was found until then, the files before all, stays.
            let what = format!("a closer look did not end within {patience:?}");
            found.push(Diagnostic::warning("", what, "mend what is bad, and look again"));
        }
        found.into_iter().for_each(|finding| report.add(&subject, finding));
        if self.modules.len() > 1 {
            let what = format!(
                "modules {} share it: they fail together, and one login opens all",
                self.modules.join(", ")
            );
            report.add(&subject, Diagnostic::warning("", what, "give each module a vault of its own"));
        }
        for module in &self.per_user {
            let what = format!("every user brings a credential for {module}: none was looked at");
            report.add(&subject, Diagnostic::warning("", what, "`cofferdam secret get` looks at one"));
        }
        if up {
            let reads = self.accounts.iter().map(|account| async move {
                let found = self.account(account, patience).await;
                bar.inc(1);
                (account, found)
            });
            let found: Vec<_> = futures_util::stream::iter(reads).buffered(READS_AT_ONCE).collect().await;
            for (account, found) in found {
                found.into_iter().for_each(|found| report.add(format!("account {}", account.name), found));
            }
        } else if !self.accounts.is_empty() {
            let what = format!("its accounts ({}) were not looked at, since it is down", self.accounts.len());
            report.add(&subject, Diagnostic::warning("", what, "mend the vault, and look again"));
        }
        report
    }

    async fn account(&self, account: &Account, patience: Duration) -> Vec<Diagnostic> {
        let read = self.vault.read(&account.path, &account.fields, Stage::Current);
        let secret = match timeout(patience, read).await {
            Ok(Ok(secret)) => secret,
            Ok(Err(error)) => {
                return vec![Diagnostic::error("", error.message(), self.mend(account, &error))];
            }
            Err(_) => {
                return vec![Diagnostic::error(
                    "",
                    format!("no answer within {patience:?}"),
                    remedy(ErrorKind::Timeout),
                )];
            }
        };
        if let Some(lease) = &secret.lease {
            // It ends by itself where it cannot be ended here.
            let _ = timeout(patience, self.vault.release(lease)).await;
        }
        let mut found = fields::malformed(&secret);
        found.extend(end(&secret));
        if found.is_empty() {
            let made = if secret.lease.is_some() { ", made anew for each read" } else { "" };
            found.push(Diagnostic::info(
                "",
                format!("present and well-formed ({}{made})", names(&account.fields)),
            ));
        }
        found
    }

    fn mend(&self, account: &Account, error: &VaultError) -> String {
        match (error.scope(), error.kind()) {
            (Scope::Secret, ErrorKind::NotFound) if self.vault.info().capabilities.write => {
                let set = |field| format!("`cofferdam secret set {} {field}`", account.name);
                format!("run {}", account.fields.iter().map(set).collect::<Vec<_>>().join(" and "))
            }
            (Scope::Secret, ErrorKind::NotFound) => "set it where this vault is kept".to_owned(),
            (_, kind) => remedy(kind).to_owned(),
        }
    }
}

fn names(fields: &[FieldName]) -> String {
    fields.iter().map(FieldName::as_str).collect::<Vec<_>>().join(", ")
}

/// When the store itself ends the secret. A lease is short by nature, and renewed while it is used.
fn end(secret: &Secret) -> Option<Diagnostic> {
    let left = secret.valid_for.filter(|left| *left < LATER && secret.lease.is_none())?;
    let minutes = left.as_secs() / 60;
    let what = format!("ends in {} h {} min", minutes / 60, minutes % 60);
    let remedy = "put a new one there";
    Some(if left < SOON {
        Diagnostic::error("", what, remedy)
    } else {
        Diagnostic::warning("", what, remedy)
    })
}

/// What to do about an error whose message does not say it whole.
fn remedy(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unauthenticated => "renew what this vault logs in with, and check its role",
        ErrorKind::Denied => "allow this login to read it; the vault's finding names the place",
        ErrorKind::Misconfigured => {
            "correct the vault's settings in the profile, or put in place what they name"
        }
        ErrorKind::Malformed => "look at what is stored there, and write it anew",
        ErrorKind::Throttled => "wait, and look again",
        _ => "start the vault or unseal it, and check its address and the network between",
    }
}
