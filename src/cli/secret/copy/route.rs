//! Decides which secrets are copied, and where each one goes.

use std::collections::HashSet;
use std::sync::Arc;

use cofferdam_config::suggestions::list;
use cofferdam_config::{Text, quote, text};
use cofferdam_vault::{FieldName, SecretPath, Vault};

use super::item::{Destination, Item};
use super::retry::with_timeout;
use crate::cli::compose::App;
use crate::cli::exit::CommandError;
use crate::cli::hint;
use crate::cli::secret::location::{SecretLocation, write_refusal};

/// A secret that is not copied.
#[derive(Debug)]
pub(super) struct Skipped {
    pub(super) name: String,
    pub(super) reason: &'static str,
}

/// The source and the destination of a copy.
pub(super) struct Route<'a> {
    from_profile: &'a App,
    to_profile: &'a App,
    from: Arc<dyn Vault>,
    from_name: &'a str,
    /// `None` means the vault of each module in the other profile.
    to: Option<(&'a str, Arc<dyn Vault>)>,
}

/// The secrets that have been classified so far.
#[derive(Default)]
struct Selection {
    items: Vec<Item>,
    skipped: Vec<Skipped>,
    /// Source path, destination vault and destination path of each item. Two accounts may share one secret.
    seen: HashSet<(SecretPath, String, SecretPath)>,
}

impl<'a> Route<'a> {
    /// Creates the route from the vault `from` of `profile` to the vault `to` of `other`, by default of `profile`.
    ///
    /// # Errors
    ///
    /// Returns a usage error if a vault does not exist, or if both are the same store.
    pub(super) fn new(
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
                text!(
                    "`{}` and `{}` are the same store: {}",
                    quote::name(from),
                    quote::name(name),
                    Text::unchecked(&to.info().location)
                ),
                "name two different vaults",
            )),
            _ => Ok(route),
        }
    }

    /// Returns every secret to copy, and the secrets that are skipped.
    ///
    /// # Errors
    ///
    /// Returns an error if the source cannot be listed, if a destination is read-only, or if two secrets have the same
    /// destination.
    pub(super) async fn items(&self) -> Result<(Vec<Item>, Vec<Skipped>), CommandError> {
        let mut selection = Selection::default();
        for status in self.from_profile.modules().filter(|status| status.entry.vault == self.from_name) {
            let Some(module) = status.module else {
                let reason = "its module cannot be loaded";
                selection.skipped.push(Skipped { name: status.entry.name.clone(), reason });
                continue;
            };
            for account in &module.accounts {
                let location = SecretLocation::in_module(self.from_profile, module, &account.name)?;
                let destination = self.destination(Some((&module.name, &account.name)), &location.path);
                let name = location.account.to_string();
                self.select(&mut selection, name, location.path, location.required_fields, destination);
            }
        }
        if self.from.info().capabilities.list {
            let known: HashSet<SecretPath> = selection.items.iter().map(|item| item.path.clone()).collect();
            for path in self.list_source().await?.into_iter().filter(|path| !known.contains(path)) {
                let destination = self.destination(None, &path);
                self.select(&mut selection, path.to_string(), path, Vec::new(), destination);
            }
        }
        check_destinations(&selection.items).await?;
        Ok((selection.items, selection.skipped))
    }

    /// Adds a secret to the items, or to the skipped ones.
    fn select(
        &self,
        selection: &mut Selection,
        name: String,
        path: SecretPath,
        required_fields: Vec<FieldName>,
        destination: Option<Destination>,
    ) {
        let mut skip = |name, reason| selection.skipped.push(Skipped { name, reason });
        let Some(destination) = destination else {
            return skip(
                name,
                "no module of the other profile uses it; --to names one vault for all secrets",
            );
        };
        if self.from.creates_lease(&path) {
            return skip(name, "it is a dynamic secret, which is created for each read");
        }
        if self.is_source(&*destination.vault) {
            return skip(name, "its module uses the same store in both profiles");
        }
        let key = (path.clone(), destination.vault_name.clone(), destination.path.clone());
        if selection.seen.insert(key) {
            let source = Arc::clone(&self.from);
            selection.items.push(Item { name, source, path, required_fields, destination });
        }
    }

    /// Returns where the other profile looks for the account, else the same path in the vault of `--to`.
    fn destination(&self, account: Option<(&str, &str)>, path: &SecretPath) -> Option<Destination> {
        let location = account.and_then(|(module, account)| {
            let module = self.to_profile.modules().find(|status| status.entry.name == module)?.module?;
            SecretLocation::in_module(self.to_profile, module, account).ok()
        });
        let Some((name, vault)) = &self.to else {
            let SecretLocation { vault_name, vault, path, .. } = location?;
            return Some(Destination { vault_name, vault, path });
        };
        let path = match location {
            Some(location) if location.vault_name == *name => location.path,
            _ => path.clone(),
        };
        Some(Destination { vault_name: (*name).to_owned(), vault: Arc::clone(vault), path })
    }

    fn is_source(&self, vault: &dyn Vault) -> bool {
        let (source, other) = (self.from.info(), vault.info());
        (source.backend, &source.location) == (other.backend, &other.location)
    }

    async fn list_source(&self) -> Result<Vec<SecretPath>, CommandError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = with_timeout(self.from.list(None, after.as_ref())).await.map_err(|error| {
                CommandError::failure(
                    text!("cannot list vault `{}`: {error}", quote::name(self.from_name)),
                    text!(
                        "allow its login to list, or fix the vault, which {} diagnoses",
                        hint::command(&self.from_profile.profile, "doctor")
                    ),
                )
            })?;
            all.extend(page.paths);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }
}

/// Rejects what must not be found out halfway through the copy.
async fn check_destinations(items: &[Item]) -> Result<(), CommandError> {
    let mut seen: HashSet<(&str, &SecretPath)> = HashSet::new();
    for Item { destination, required_fields, .. } in items {
        if let Some(error) = write_refusal(&*destination.vault, &destination.path, required_fields).await {
            return Err(CommandError::usage(
                text!("cannot copy to vault `{}`: {error}", quote::name(&destination.vault_name)),
                "name a vault that can be written",
            ));
        }
        if !seen.insert((&destination.vault_name, &destination.path)) {
            return Err(CommandError::usage(
                text!(
                    "two credentials have the same destination: {} in vault `{}`",
                    destination.path,
                    quote::name(&destination.vault_name)
                ),
                "give them different paths in the profile of the destination",
            ));
        }
    }
    Ok(())
}

fn vault(app: &App, name: &str) -> Result<Arc<dyn Vault>, CommandError> {
    let broker = app.calls.broker();
    broker.vault(name).ok_or_else(|| {
        let known = broker.vaults();
        CommandError::usage(
            text!("the profile `{}` has no vault {}", quote::name(&app.profile), quote::string(name)),
            text!("its vaults are {}", list(known.iter().map(|vault| vault.name.as_str()))),
        )
    })
}
