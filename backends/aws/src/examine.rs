//! A closer look: may our role read what is not ours, and who else can reach its credentials.
//!
//! Secrets Manager has no question "may I?", and simulating policies takes a permission that a server should not have. So a
//! read is asked for that can bring nothing: of a secret that there is not, or of a stage that no secret has. Access
//! is decided before either is looked at, so "denied" and "there is none" tell the two apart, and no secret is read.

use std::path::PathBuf;

use cofferdam_config::Diagnostic;
use cofferdam_vault::{Protection, Threads, file_permissions};

use crate::error::Reason;
use crate::store::{CURRENT, Store};

/// A name below no prefix that anybody would choose.
const NOWHERE: &str = "cofferdam-doctor-elsewhere/none";

/// A stage that no secret has.
const NO_STAGE: &str = "COFFERDAM_DOCTOR";

/// Who else can reach the files with credentials.
pub(crate) async fn exposed(files: Vec<(PathBuf, &'static str)>, threads: &Threads) -> Vec<Diagnostic> {
    let look = move || {
        Ok(files
            .iter()
            .filter_map(|(path, what)| file_permissions(path, what, Protection::Secrecy))
            .collect())
    };
    // A thread that cannot be had is the probe's to tell.
    threads.run(look).await.unwrap_or_default()
}

/// Whether our role may read beyond its prefix: names below none, and `elsewhere`, those of other vaults.
pub(crate) async fn reach(store: &Store, prefixed: bool, elsewhere: &[String]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if !prefixed {
        found.push(Diagnostic::warning(
            "",
            "there is no `prefix`: every secret of this account and region is this vault's",
            "set `prefix`, and allow the role that prefix alone",
        ));
    }
    let beyond = prefixed.then_some((NOWHERE, CURRENT));
    let mut reached = Vec::new();
    let asked = beyond.into_iter().chain(elsewhere.iter().map(|name| (name.as_str(), NO_STAGE)));
    let mut questions = 0;
    for (name, stage) in asked {
        match store.get(name, stage).await {
            Ok(_) => reached.push(name),
            Err(failure) if failure.reason == Reason::Denied => {}
            Err(failure) if matches!(failure.reason, Reason::Missing | Reason::WrongState) => {
                reached.push(name)
            }
            // That there is no answer is the probe's to tell.
            Err(_) => return found,
        }
        questions += 1;
    }
    if let Some(first) = reached.first() {
        let more = if reached.len() > 1 { format!(" and {} more", reached.len() - 1) } else { String::new() };
        found.push(Diagnostic::error(
            "",
            format!("our role may read what is not this vault's: {first}{more}"),
            "narrow the Resource of its secretsmanager:GetSecretValue to this vault's prefix",
        ));
    } else if questions > 0 {
        found.push(Diagnostic::info("", "our role may not read beyond this vault's prefix"));
    }
    found
}
