//! Diagnoses whether the role may read secrets of other vaults.
//!
//! Secrets Manager has no API to query permissions, and simulating policies needs a permission that a server should not
//! have. So this reads a secret that does not exist, or a stage that no secret has. Access is checked before existence, so
//! "denied" and "not found" distinguish the two cases, and no secret is read.

use cofferdam_config::{Diagnostic, Text, text};

use crate::error::Reason;
use crate::store::{CURRENT, Store};

/// A name that does not exist, below no prefix in use.
const ABSENT_NAME: &str = "cofferdam-doctor-elsewhere/none";

/// A stage that no secret has.
const ABSENT_STAGE: &str = "COFFERDAM_DOCTOR";

/// Diagnoses whether the role may read beyond its prefix: names outside it, and `foreign`, the names of other vaults'
/// secrets.
pub(crate) async fn role(store: &Store, has_prefix: bool, foreign: &[String]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if !has_prefix {
        found.push(Diagnostic::warning(
            "",
            "there is no `prefix`, so this vault can use every secret of the account and region",
            "set `prefix`, and allow the role only that prefix",
        ));
    }
    let outside = has_prefix.then_some((ABSENT_NAME, CURRENT));
    let names = outside.into_iter().chain(foreign.iter().map(|name| (name.as_str(), ABSENT_STAGE)));
    let (mut checked, mut readable) = (0, Vec::new());
    for (name, stage) in names {
        match store.get(name, stage).await {
            Ok(_) => readable.push(name),
            Err(failure) if failure.reason == Reason::Denied => {}
            Err(failure) if matches!(failure.reason, Reason::Missing | Reason::WrongState) => {
                readable.push(name)
            }
            // If Secrets Manager does not respond, the probe reports it.
            Err(_) => return found,
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
        found.push(Diagnostic::error(
            "",
            text!("the role can access secrets of other vaults: {first}{more}"),
            "narrow the Resource of its secretsmanager:GetSecretValue to this vault's prefix",
        ));
    } else if checked > 0 {
        found.push(Diagnostic::info("", "the role may not read beyond this vault's prefix"));
    }
    found
}
