//! How long the secret id is good that an AppRole logs in with: the login of today may be its last one.
//!
//! Vault tells it whoever holds the secret id, where a policy allows the question.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cofferdam_config::Diagnostic;
use cofferdam_vault::{ErrorKind, ExposeSecret as _, Threads, VaultError};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vaultrs::api::auth::approle::requests::ReadSecretIDRequest;
use zeroize::Zeroize as _;

use crate::answer;
use crate::examine::{Span, by_time_left};
use crate::files::{self, Text};
use crate::session::Sessions;
use crate::settings::{Login, SecretId};

/// A secret id in a file. A wrapped one is in no file, and looking would use it up.
#[derive(Debug, Clone)]
pub(crate) struct InFile {
    mount: String,
    path: PathBuf,
}

impl InFile {
    /// The one that `login` is made with.
    pub(crate) fn of(login: &Login) -> Option<Self> {
        match login {
            Login::AppRole { mount, secret_id: SecretId::File(path), .. } => {
                Some(Self { mount: mount.clone(), path: path.clone() })
            }
            _ => None,
        }
    }

    /// What the server says of it, as one of `role`; nothing where that is the probe's to tell.
    pub(crate) async fn findings(
        &self,
        role: &str,
        sessions: &Arc<Sessions>,
        threads: &Threads,
    ) -> Vec<Diagnostic> {
        let path = self.path.clone();
        let Ok(secret_id) = threads.run(move || files::secret(&path, "secret id file", Text::Word)).await
        else {
            return Vec::new();
        };
        let mut question = ReadSecretIDRequest {
            mount: self.mount.clone(),
            role_name: role.to_owned(),
            secret_id: secret_id.expose_secret().to_owned(),
        };
        let denied = || VaultError::secret(ErrorKind::Denied, "");
        let answer = sessions.send(&question, denied).await;
        question.secret_id.zeroize();
        match answer {
            Ok((answer, _)) => {
                let good_for: Option<GoodFor> = answer::data(&answer.body).ok();
                good_for
                    .map(|good_for| good_for.findings(&self.renewal(role), SystemTime::now()))
                    .unwrap_or_default()
            }
            Err(error) if error.kind() == ErrorKind::Denied => vec![Diagnostic::warning(
                "",
                "our login may not ask when its secret id ends",
                format!("grant it `update` on auth/{}/role/{role}/secret-id/lookup", self.mount),
            )],
            Err(_) => Vec::new(),
        }
    }

    fn renewal(&self, role: &str) -> String {
        format!(
            "put a new one (`vault write -f auth/{}/role/{role}/secret-id`) into {}; it is read anew at each login",
            self.mount,
            self.path.display()
        )
    }
}

/// What `auth/approle/role/ROLE/secret-id/lookup` says.
#[derive(Debug, Deserialize)]
struct GoodFor {
    /// In seconds, from when it was made; 0 where it never ends.
    secret_id_ttl: u64,
    /// How many more logins; 0 where they are not counted.
    secret_id_num_uses: u64,
    expiration_time: String,
}

impl GoodFor {
    fn findings(&self, renewal: &str, now: SystemTime) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        if self.secret_id_num_uses > 0 {
            found.push(Diagnostic::error(
                "",
                format!(
                    "the secret id is good for {} more logins, and each start takes one",
                    self.secret_id_num_uses
                ),
                "give its role secret_id_num_uses = 0, and make a new secret id",
            ));
        }
        if self.secret_id_ttl == 0 {
            found.push(Diagnostic::info("", "the secret id is good until it is replaced"));
            return found;
        }
        found.push(match OffsetDateTime::parse(&self.expiration_time, &Rfc3339) {
            Ok(end) => {
                // One that has ended logs nobody in, and is not looked up.
                let left = SystemTime::from(end).duration_since(now).unwrap_or(Duration::ZERO);
                by_time_left(left, format!("the secret id ends in {}", Span(left)), renewal)
            }
            Err(_) => {
                Diagnostic::warning("", "the secret id ends, at a time that is not understood", renewal)
            }
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
    fn a_secret_id_is_judged_by_its_end_and_its_uses() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000); // 2027-01-15T08:00:00Z
        let worst = |ttl, uses, end: &str| {
            let good_for =
                GoodFor { secret_id_ttl: ttl, secret_id_num_uses: uses, expiration_time: end.to_owned() };
            good_for.findings("renew it", now).iter().map(|found| found.severity).max()
        };
        assert_eq!(worst(0, 0, "0001-01-01T00:00:00Z"), Some(Severity::Info));
        assert_eq!(worst(0, 3, "0001-01-01T00:00:00Z"), Some(Severity::Error));
        assert_eq!(worst(60, 0, "2027-01-15T09:00:00.123456789Z"), Some(Severity::Error));
        assert_eq!(worst(60, 0, "2027-01-18T08:00:00+02:00"), Some(Severity::Warning));
        assert_eq!(worst(60, 0, "2027-02-15T08:00:00Z"), Some(Severity::Info));
        assert_eq!(worst(60, 0, "tomorrow"), Some(Severity::Warning));
    }
}
