//! The check of one account: its credential is present, well-formed, and valid for some time.

use std::time::Duration;

use cofferdam_config::{Diagnostic, Text, duration, quote, text};
use cofferdam_vault::{ErrorKind, FieldName, Scope, Secret, SecretPath, Stage, Vault, VaultError};
use tokio::time::timeout;

use super::{fields, help};
use crate::cli::hint;
use crate::cli::secret::{SecretLocation, write_refusal};

/// A secret that expires within this time is an error: the next check may come too late.
const EXPIRES_SOON: Duration = Duration::from_secs(24 * 60 * 60);

/// A secret that expires within this time is a warning.
const EXPIRES_LATER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// An account, and its secret in a vault.
pub(super) struct AccountCheck {
    /// `MODULE/ACCOUNT`.
    pub(super) name: String,
    /// The path of its secret.
    pub(super) path: SecretPath,
    fields: Vec<FieldName>,
    profile: String,
}

impl AccountCheck {
    /// Creates the check of the account at `location`, in the profile `profile`.
    pub(super) fn new(location: SecretLocation, profile: &str) -> Self {
        Self {
            name: location.account.to_string(),
            path: location.path,
            fields: location.required_fields,
            profile: profile.to_owned(),
        }
    }

    /// Reads the secret and returns the results, with `limit` for each request.
    pub(super) async fn run(&self, vault: &dyn Vault, limit: Duration) -> Vec<Diagnostic> {
        let secret = match timeout(limit, vault.read(&self.path, &self.fields, Stage::Current)).await {
            Ok(Ok(secret)) => secret,
            Ok(Err(error)) => {
                return vec![Diagnostic::error("", text!("{error}"), self.help(vault, &error).await)];
            }
            Err(_) => {
                return vec![Diagnostic::error(
                    "",
                    text!("no response within {}", duration::format(limit)),
                    help::for_error(ErrorKind::Timeout, vault, Some(&self.path)),
                )];
            }
        };
        if let Some(lease) = &secret.lease {
            // A lease that cannot be revoked here expires by itself.
            let _ = timeout(limit, vault.release(lease)).await;
        }
        let mut diagnostics = fields::diagnostics(&secret);
        diagnostics.extend(expiry(&secret));
        if diagnostics.is_empty() {
            let fields = Text::join(&self.fields, ", ");
            let dynamic = if secret.lease.is_some() { "; created for each read" } else { "" };
            diagnostics.push(Diagnostic::info("", text!("present and well-formed ({fields}{dynamic})")));
        }
        diagnostics
    }

    async fn help(&self, vault: &dyn Vault, error: &VaultError) -> Text {
        match (error.scope(), error.kind()) {
            (Scope::Secret, ErrorKind::NotFound) if vault.info().capabilities.write => {
                let set = |field| {
                    hint::command(&self.profile, text!("secret set {} {field}", quote::name(&self.name)))
                };
                text!("run {}", Text::join(self.fields.iter().map(set), " and "))
            }
            (Scope::Secret, ErrorKind::NotFound) => {
                let refusal = write_refusal(vault, &self.path, &self.fields).await;
                refusal.map(|refusal| text!("{refusal}")).unwrap_or_default()
            }
            (_, kind) => help::for_error(kind, vault, Some(&self.path)),
        }
    }
}

/// Returns a result if the store lets the secret expire soon. Leases are short by nature, and renewed while in use.
fn expiry(secret: &Secret) -> Option<Diagnostic> {
    let left = secret.valid_for.filter(|left| *left < EXPIRES_LATER && secret.lease.is_none())?;
    let minutes = left.as_secs() / 60;
    let message = text!("expires in {} h {} min", minutes / 60, minutes % 60);
    let help = "replace it before it expires";
    Some(if left < EXPIRES_SOON {
        Diagnostic::error("", message, help)
    } else {
        Diagnostic::warning("", message, help)
    })
}
