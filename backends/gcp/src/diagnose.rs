//! Diagnoses the files of the login, and whether the login may read secrets of other vaults.

use std::path::PathBuf;

use cofferdam_config::{Diagnostic, Diagnostics, Text, text};
use cofferdam_vault::{ConfiguredFile, Threads};

use crate::credentials::{Credentials, Source};
use crate::secret_manager::SecretManager;

/// Diagnoses who else can read the files of the login, and whether it ends.
pub(crate) async fn login(source: &Source, folder: PathBuf, threads: &Threads, found: &mut Diagnostics) {
    let Some(file) = source.file().cloned() else { return };
    let source = source.clone();
    // If the files cannot be read, the probe reports it.
    let credentials = threads.run(move || source.read(&folder)).await;
    let mut files = Vec::new();
    let mut ends = None;
    match credentials {
        Ok(Credentials::Metadata) => return,
        Ok(Credentials::ServiceAccount(_)) => {
            files.push(file);
            ends = Some(Diagnostic::warning(
                "",
                "the key of a service account never expires, so a stolen one stays valid",
                "use `metadata` on a machine of Google Cloud, or a workload identity federation",
            ));
        }
        Ok(Credentials::AuthorizedUser(_)) => {
            files.push(file);
            ends = Some(Diagnostic::warning(
                "",
                "the login is that of a person, who may read more than this vault",
                "use the login of a service account for a server",
            ));
        }
        // The configuration holds no secret, and the token that it names does.
        Ok(Credentials::ExternalAccount(account)) => files.push(account.subject_token.file().clone()),
        Err(_) => files.push(file),
    }
    found.extend(ConfiguredFile::diagnose(files, threads).await);
    found.extend(ends);
}

/// Diagnoses whether the login may read `foreign`, the full names of other vaults' secrets. Reads none of them.
pub(crate) async fn access(
    store: &SecretManager,
    has_prefix: bool,
    foreign: &[String],
    found: &mut Diagnostics,
) {
    if !has_prefix {
        found.warning(
            "",
            "`prefix` is absent, so this vault can use every secret of the project",
            "set `prefix`, and grant roles/secretmanager.secretAccessor on its secrets alone",
        );
    }
    let mut readable = Vec::new();
    for resource in foreign {
        match store.may_access(resource).await {
            Ok(true) => readable.push(resource),
            Ok(false) => {}
            // If Secret Manager does not respond, the probe reports it.
            Err(_) => return,
        }
    }
    if let Some(first) = readable.first() {
        let more = match readable.len() - 1 {
            0 => Text::default(),
            more => text!(" and {more} more"),
        };
        // A name consists of project, prefix, module and account, which were checked when they were read.
        let first = Text::unchecked(first);
        found.error(
            "",
            text!("the login can read secrets of other vaults: {first}{more}"),
            "grant roles/secretmanager.secretAccessor on the secrets of this vault, and not on the project",
        );
    } else if !foreign.is_empty() {
        found.info("", "the login may not read the secrets of other vaults");
    }
}
