//! Diagnoses the secret ID of an AppRole: when it expires, and how many logins it has left.
//!
//! Vault reports that to whoever holds the secret ID, if a policy allows the lookup.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cofferdam_config::{Diagnostic, Text, quote, text};
use cofferdam_vault::{ConfiguredFile, ErrorKind, SecretFormat, Threads, TimeLeft, VaultError, rate_expiry};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::endpoint;
use crate::response;
use crate::session_manager::SessionManager;
use crate::settings::{AuthMethod, Credentials, SecretIdSource};

/// A secret ID in a file. A wrapped one is not diagnosed, because unwrapping would use it up.
#[derive(Debug, Clone)]
pub(crate) struct SecretIdFile {
    mount: String,
    file: ConfiguredFile,
}

impl SecretIdFile {
    /// The secret ID file of `method`, if it has one.
    pub(crate) fn from_method(method: &AuthMethod) -> Option<Self> {
        match method {
            AuthMethod::Login {
                mount,
                credentials: Credentials::AppRole { secret_id: SecretIdSource::File(file), .. },
            } => Some(Self { mount: mount.clone(), file: file.clone() }),
            _ => None,
        }
    }

    /// Rates the secret ID of `role`. Returns nothing if the server does not respond, which the probe reports.
    pub(crate) async fn diagnostics(
        &self,
        role: &str,
        sessions: &Arc<SessionManager>,
        threads: &Threads,
    ) -> Vec<Diagnostic> {
        let file = self.file.clone();
        let read = move || file.read_secret(SecretFormat::Word);
        let Ok(secret_id) = threads.run(read).await else { return Vec::new() };
        let request = endpoint::look_up_secret_id(&self.mount, role, &secret_id);
        let denied = || VaultError::secret(ErrorKind::Denied, "");
        match sessions.send(&request, denied).await {
            Ok((response, _)) => {
                let lookup: Option<Lookup> = response::data(&response.body).ok();
                lookup
                    .map(|lookup| lookup.diagnostics(&self.how_to_replace(role), SystemTime::now()))
                    .unwrap_or_default()
            }
            Err(error) if error.kind() == ErrorKind::Denied => vec![Diagnostic::warning(
                "",
                "the login may not look up its secret ID, so the expiry is unknown",
                text!(
                    "grant it `update` on auth/{}/role/{}/secret-id/lookup",
                    quote::path(&self.mount),
                    quote::path(role)
                ),
            )],
            Err(_) => Vec::new(),
        }
    }

    fn how_to_replace(&self, role: &str) -> Text {
        text!(
            "write a new one (`vault write -f auth/{}/role/{}/secret-id`) into {}, which is read at each login",
            quote::path(&self.mount),
            quote::path(role),
            quote::path(self.file.path())
        )
    }
}

/// The `data` of `auth/approle/role/ROLE/secret-id/lookup`.
#[derive(Debug, Deserialize)]
struct Lookup {
    /// In seconds, from its creation; 0 if it never expires.
    secret_id_ttl: u64,
    /// Number of logins left; 0 if it is not limited.
    secret_id_num_uses: u64,
    expiration_time: String,
}

impl Lookup {
    fn diagnostics(&self, how_to_replace: &Text, now: SystemTime) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        if self.secret_id_num_uses > 0 {
            found.push(Diagnostic::error(
                "",
                text!(
                    "the secret ID is valid for {} more logins, and each start uses one",
                    self.secret_id_num_uses
                ),
                "set secret_id_num_uses = 0 on its role, and create a new secret ID",
            ));
        }
        if self.secret_id_ttl == 0 {
            found.push(Diagnostic::info("", "the secret ID never expires"));
            return found;
        }
        found.push(match OffsetDateTime::parse(&self.expiration_time, &Rfc3339) {
            Ok(end) => {
                // An expired one fails the login, so it is not looked up.
                let left = SystemTime::from(end).duration_since(now).unwrap_or(Duration::ZERO);
                rate_expiry(left, text!("the secret ID expires in {}", TimeLeft(left)), how_to_replace)
            }
            Err(_) => Diagnostic::warning(
                "",
                "the secret ID expires at a time that cannot be parsed",
                how_to_replace,
            ),
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use cofferdam_config::Severity;

    use super::*;

    #[test]
    fn a_secret_id_is_rated_by_its_expiry_and_its_uses() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000); // 2027-01-15T08:00:00Z
        let worst = |ttl, uses, end: &str| {
            let lookup =
                Lookup { secret_id_ttl: ttl, secret_id_num_uses: uses, expiration_time: end.to_owned() };
            lookup.diagnostics(&"renew it".into(), now).iter().map(|found| found.severity).max()
        };
        assert_eq!(worst(0, 0, "0001-01-01T00:00:00Z"), Some(Severity::Info));
        assert_eq!(worst(0, 3, "0001-01-01T00:00:00Z"), Some(Severity::Error));
        assert_eq!(worst(60, 0, "2027-01-15T09:00:00.123456789Z"), Some(Severity::Error));
        assert_eq!(worst(60, 0, "2027-01-18T08:00:00+02:00"), Some(Severity::Warning));
        assert_eq!(worst(60, 0, "2027-02-15T08:00:00Z"), Some(Severity::Info));
        assert_eq!(worst(60, 0, "tomorrow"), Some(Severity::Warning));
    }
}
