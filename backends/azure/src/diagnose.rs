//! Diagnoses what expires, and whether the login may read secrets of other vaults.

use std::collections::BTreeMap;
use std::time::SystemTime;

use cofferdam_config::{Diagnostics, Text, text};
use cofferdam_vault::{SecretNames, SecretPath, TimeLeft, rate_expiry};

use crate::error::Reason;
use crate::key_vault::KeyVault;

/// A version that no secret has.
const ABSENT_VERSION: &str = "00000000000000000000000000000000";

/// Maximum number of pages of a listing that are searched for the needed secrets: 25,000 secrets.
const MAX_PAGES: usize = 1000;

/// Rates when each of `needed` expires, by a listing, which holds no value.
pub(crate) async fn expiry(
    store: &KeyVault,
    names: &SecretNames,
    needed: &[SecretPath],
    found: &mut Diagnostics,
) {
    let mut wanted: BTreeMap<String, &SecretPath> =
        needed.iter().map(|path| (names.name(path).to_ascii_lowercase(), path)).collect();
    let mut after = None;
    for _ in 0..MAX_PAGES {
        let (page, next) = match store.list(after.as_deref()).await {
            Ok(page) => page,
            Err(failure) if failure.reason == Reason::Denied => {
                found.warning(
                    "",
                    "the login may not list secrets, so it is unknown when they expire",
                    "grant it the permission `list`, or check the expiry dates in the Azure portal",
                );
                return;
            }
            // If Key Vault does not respond, the probe reports it.
            Err(_) => return,
        };
        for entry in page {
            let name = entry.name().map(str::to_ascii_lowercase);
            let Some(path) = name.and_then(|name| wanted.remove(&name)) else { continue };
            if let Some(left) = entry.remaining(SystemTime::now()).filter(|left| !left.is_zero()) {
                let help = "write a new version with a later expiry date";
                let mut rated = rate_expiry(left, text!("expires in {}", TimeLeft(left)), help);
                rated.key = path.to_string();
                found.push(rated);
            }
        }
        after = next;
        if after.is_none() || wanted.is_empty() {
            return;
        }
    }
}

/// Diagnoses whether the login may read `foreign`, the URLs of other vaults' secrets in the same Key Vault.
///
/// Asks for a version that does not exist: access is checked before existence, so "denied" and "not found" distinguish the
/// two cases, and no secret is read. Secrets of another Key Vault are not asked for, because that would send it the token.
pub(crate) async fn access(store: &KeyVault, has_prefix: bool, foreign: &[String], found: &mut Diagnostics) {
    if !has_prefix {
        found.warning(
            "",
            "`prefix` is absent, so this vault can use every secret of the Key Vault",
            "set `prefix`, or use a Key Vault of its own for each vault",
        );
    }
    let begin = resource(store, "");
    let (mut checked, mut readable) = (0, Vec::new());
    for name in foreign.iter().filter_map(|resource| resource.strip_prefix(&begin)) {
        match store.get(name, Some(ABSENT_VERSION)).await {
            Ok(_) => readable.push(name),
            Err(failure) if failure.reason == Reason::Denied => {}
            Err(failure) if matches!(failure.reason, Reason::Missing | Reason::Disabled) => {
                readable.push(name)
            }
            // If Key Vault does not respond, the probe reports it.
            Err(_) => return,
        }
        checked += 1;
    }
    if let Some(first) = readable.first() {
        let more = match readable.len() - 1 {
            0 => Text::default(),
            more => text!(" and {more} more"),
        };
        // A name consists of prefix, module and account, which were checked when they were read.
        let first = Text::unchecked(first);
        found.error(
            "",
            text!("the login can read secrets of other vaults: {first}{more}"),
            "use a Key Vault of its own for each vault, or grant the role Key Vault Secrets User on single secrets",
        );
    } else if checked > 0 {
        found.info("", "the login may not read the secrets of other vaults in this Key Vault");
    }
}

/// The URL of the secret `name`, as other vaults of the profile know it.
pub(crate) fn resource(store: &KeyVault, name: &str) -> String {
    format!("{}/secrets/{name}", store.location())
}
