//! Which secrets are copied, and where each one goes.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use cofferdam_vault::{FieldName, SecretPath, Vault};
use tokio::time::timeout;

use super::super::super::compose::App;
use super::super::super::exit::CommandError;
use super::super::target::{Place, read_only};
use super::act::PATIENCE;
use crate::names::listed;

/// One secret on its way.
pub(super) struct Item {
    /// `MODULE/ACCOUNT`, or the path of one that is no module's.
    pub(super) name: String,
    pub(super) source: Arc<dyn Vault>,
    pub(super) path: SecretPath,
    /// The fields that the module needs; empty for one that is no module's.
    pub(super) needs: Vec<FieldName>,
    pub(super) goes: Goes,
}

/// Where a secret goes.
#[derive(Clone)]
pub(super) struct Goes {
    pub(super) vault_name: String,
    pub(super) vault: Arc<dyn Vault>,
    pub(super) path: SecretPath,
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item").field("name", &self.name).field("goes", &self.goes).finish_non_exhaustive()
    }
}

impl fmt::Debug for Goes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.path, self.vault_name)
    }
}

/// A secret that is not copied, and why.
#[derive(Debug)]
pub(super) struct Skipped {
    pub(super) name: String,
    pub(super) why: &'static str,
}

/// What has been found so far.
#[derive(Default)]
struct Sorted {
    items: Vec<Item>,
    skipped: Vec<Skipped>,
    /// From which path to which vault and path: two accounts may share one secret.
    seen: HashSet<(SecretPath, String, SecretPath)>,
}

/// From where, to where.
pub(super) struct Route<'a> {
    from_profile: &'a App,
    to_profile: &'a App,
    from: Arc<dyn Vault>,
    from_name: &'a str,
    /// `None`: to the vault that each module has in the other profile.
    to: Option<(&'a str, Arc<dyn Vault>)>,
}

impl<'a> Route<'a> {
    /// The way from the vault `from` of one profile to `to` of the other, or of the same one where there is no other.
    ///
    /// # Errors
    ///
    /// A usage failure where there is no such vault, or where both are the same store.
    pub(super) fn of(
        profile: &'a App,
        other: Option<&'a App>,
        from: &'a str,
        to: Option<&'a str>,
    ) -> Result<Self, CommandError> {
        let to_profile = other.unwrap_or(profile);
        let route = Self {
            from_profile: profile,
            to_profile,
            from: vault(profile, from)?,
            from_name: from,
            to: to.map(|name| Ok((name, vault(to_profile, name)?))).transpose()?,
        };
        match &route.to {
            Some((name, to)) if route.is_source(&**to) => Err(CommandError::usage(
                format!("`{from}` and `{name}` are the same store: {}", to.info().location),
                "name two different vaults",
            )),
            _ => Ok(route),
        }
    }

    /// Every secret that is to be copied, and those that are not.
    ///
    /// # Errors
    ///
    /// Where the source cannot be listed, where a destination cannot be written, and where two secrets would become one.
    pub(super) async fn items(&self) -> Result<(Vec<Item>, Vec<Skipped>), CommandError> {
        let mut sorted = Sorted::default();
        for status in self.from_profile.modules().filter(|status| status.entry.vault == self.from_name) {
            let Some(module) = status.module else {
                let why = "the manifest of its module was refused";
                sorted.skipped.push(Skipped { name: status.entry.name.clone(), why });
                continue;
            };
            for account in &module.accounts {
                let place = Place::in_module(self.from_profile, module, &account.name)?;
                // Two accounts may share one secret: it is copied once for each place that it goes to.
                let goes = self.goes(Some((&module.name, &account.name)), &place.path);
                let name = place.target.to_string();
                self.sort(&mut sorted, name, place.path, place.needs, goes);
            }
        }
        if self.from.info().capabilities.list {
            let known: HashSet<SecretPath> = sorted.items.iter().map(|item| item.path.clone()).collect();
            for path in self.everything().await?.into_iter().filter(|path| !known.contains(path)) {
                let goes = self.goes(None, &path);
                self.sort(&mut sorted, path.to_string(), path, Vec::new(), goes);
            }
        }
        self.check(&sorted.items).await?;
        Ok((sorted.items, sorted.skipped))
    }

    fn sort(
        &self,
        sorted: &mut Sorted,
        name: String,
        path: SecretPath,
        needs: Vec<FieldName>,
        goes: Option<Goes>,
    ) {
        let mut skip = |name, why| sorted.skipped.push(Skipped { name, why });
        let Some(goes) = goes else {
            return skip(name, "no module of the other profile uses it; --to names a vault for all");
        };
        if self.from.creates_lease(&path) {
            skip(name, "it is made anew for each read");
        } else if self.is_source(&*goes.vault) {
            skip(name, "its module has the same store in both profiles");
        } else if sorted.seen.insert((path.clone(), goes.vault_name.clone(), goes.path.clone())) {
            sorted.items.push(Item { name, source: Arc::clone(&self.from), path, needs, goes });
        }
    }

    /// Where a secret goes: to where the other profile looks for that account, else to the same path.
    fn goes(&self, account: Option<(&str, &str)>, path: &SecretPath) -> Option<Goes> {
        let there = account.and_then(|(module, account)| {
            let module = self.to_profile.modules().find(|status| status.entry.name == module)?.module?;
            Place::in_module(self.to_profile, module, account).ok()
        });
        match (&self.to, there) {
            (Some((name, vault)), there) => {
                let path =
                    there.filter(|place| place.vault_name == *name).map_or_else(|| path.clone(), |p| p.path);
                Some(Goes { vault_name: (*name).to_owned(), vault: Arc::clone(vault), path })
            }
            (None, there) => {
                there.map(|place| Goes { vault_name: place.vault_name, vault: place.vault, path: place.path })
            }
        }
    }

    fn is_source(&self, vault: &dyn Vault) -> bool {
        let (one, other) = (self.from.info(), vault.info());
        (one.backend, &one.location) == (other.backend, &other.location)
    }

    async fn everything(&self) -> Result<Vec<SecretPath>, CommandError> {
        let failed = |why: &str| {
            let message = format!("vault `{}` cannot be listed: {why}", self.from_name);
            CommandError::failure(message, "mend the vault, or allow its login to list, and try again")
        };
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = match timeout(PATIENCE, self.from.list(None, after.as_ref())).await {
                Ok(page) => page.map_err(|error| failed(error.message()))?,
                Err(_) => return Err(failed(&format!("no answer within {PATIENCE:?}"))),
            };
            all.extend(page.paths);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// What must be told before anything is done.
    async fn check(&self, items: &[Item]) -> Result<(), CommandError> {
        let mut taken: HashSet<(&str, &SecretPath)> = HashSet::new();
        for item in items {
            let goes = &item.goes;
            if let Some(error) = read_only(&*goes.vault, &goes.path, &item.needs).await {
                return Err(CommandError::usage(
                    format!("vault `{}` cannot be copied to: {}", goes.vault_name, error.message()),
                    "name a vault that can be written",
                ));
            }
            if !taken.insert((&goes.vault_name, &goes.path)) {
                return Err(CommandError::usage(
                    format!("two credentials would both become {} in vault `{}`", goes.path, goes.vault_name),
                    "give them different paths in the profile that is copied to",
                ));
            }
        }
        Ok(())
    }
}

fn vault(app: &App, name: &str) -> Result<Arc<dyn Vault>, CommandError> {
    let broker = app.calls.broker();
    broker.vault(name).ok_or_else(|| {
        let known = broker.vaults();
        CommandError::usage(
            format!("the profile `{}` has no vault `{}`", app.profile, name.escape_debug()),
            format!("its vaults are: {}", listed(known.iter().map(|vault| vault.name.as_str()))),
        )
    })
}
