//! Diagnoses the login: what it may do, how long it is valid, and who else can read the files it is made with.
//!
//! Asks the server itself (`sys/capabilities-self`, which the policy `default` allows), because it knows every policy, glob
//! and identity group. Reads no secret and changes nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_config::{Diagnostic, Text, text};
use cofferdam_vault::http::{Pem, StatusCode};
use cofferdam_vault::{ConfiguredFile, ErrorKind, SecretPath, Threads, TimeLeft, VaultError, rate_expiry};
use serde::Deserialize;

use crate::endpoint;
use crate::response;
use crate::secret_id::SecretIdFile;
use crate::session_manager::SessionManager;
use crate::settings::Settings;

/// Paths that no module needs, and that make a login dangerous: writing policies and engines, creating tokens.
const PRIVILEGED_PATHS: [&str; 4] = [
    "sys/policies/acl/cofferdam-doctor",
    "sys/mounts/cofferdam-doctor",
    "sys/auth/cofferdam-doctor",
    "auth/token/create",
];

/// The files that `settings` name, except for the client certificate, which holds no secret and decides nothing.
pub(crate) fn files(settings: &Settings) -> Vec<ConfiguredFile> {
    let tls = [&settings.tls.key, &settings.tls.ca].map(|pem| pem.as_ref().and_then(Pem::file));
    let files = std::iter::once(settings.auth.file()).chain(tls);
    files.flatten().cloned().collect()
}

/// What `settings` log in with and trust, by name: their `files`, and what comes from the environment.
pub(crate) fn sources(settings: &Settings, files: &[ConfiguredFile]) -> Vec<String> {
    let certificate = settings.tls.certificate.as_ref().and_then(Pem::file);
    let files = files.iter().chain(certificate).map(ToString::to_string);
    let variables = settings.variables.iter().map(|name| format!("{name} of the environment"));
    files.chain(variables).collect()
}

/// Diagnoses the login: its credentials, the secrets that the modules need with the policy path of each, and paths that do
/// not belong to this vault.
pub(crate) async fn login(
    sessions: &Arc<SessionManager>,
    threads: &Threads,
    secret_id: Option<&SecretIdFile>,
    needed: &[(&SecretPath, String)],
    foreign: Vec<String>,
) -> Vec<Diagnostic> {
    // If the login fails, the probe reports it.
    let Ok(session) = sessions.get().await else { return Vec::new() };
    let mut found = match look_up(sessions).await {
        Ok(Some(lookup)) => {
            let mut found = lookup.diagnostics(session.owned);
            let role = lookup.meta.as_ref().and_then(|meta| meta.role_name.as_deref());
            if let Some((secret_id, role)) = secret_id.zip(role) {
                found.extend(secret_id.diagnostics(role, sessions, threads).await);
            }
            found
        }
        Ok(None) => vec![Diagnostic::warning(
            "",
            "the login may not look itself up, so its policies and its expiry are unknown",
            "grant it `read` on auth/token/lookup-self, as the policy `default` does",
        )],
        Err(_) => return Vec::new(),
    };
    found.extend(capabilities(sessions, needed, foreign).await);
    found
}

/// The `data` of `auth/token/lookup-self`.
#[derive(Deserialize)]
struct Lookup {
    #[serde(default)]
    policies: Vec<String>,
    #[serde(default)]
    identity_policies: Option<Vec<String>>,
    /// In seconds, from now; 0 if the token never expires.
    #[serde(default)]
    ttl: u64,
    #[serde(default)]
    renewable: bool,
    #[serde(default)]
    num_uses: u64,
    #[serde(default)]
    meta: Option<Meta>,
}

/// What the auth method adds.
#[derive(Deserialize)]
struct Meta {
    /// Of an AppRole.
    role_name: Option<String>,
}

/// Looks up the token; `None` if the policy denies that.
async fn look_up(sessions: &Arc<SessionManager>) -> Result<Option<Lookup>, VaultError> {
    let denied = || VaultError::secret(ErrorKind::Denied, "");
    match sessions.send(&endpoint::look_up_token(), denied).await {
        Ok((response, _)) => Ok(response::data(&response.body).ok()),
        Err(error) if error.kind() == ErrorKind::Denied => Ok(None),
        Err(error) => Err(error),
    }
}

impl Lookup {
    /// Rates the token; `owned` is whether it was issued to this server.
    fn diagnostics(&self, owned: bool) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let policies: Vec<&str> =
            self.policies.iter().chain(self.identity_policies.iter().flatten()).map(|p| &**p).collect();
        if policies.contains(&"root") {
            found.push(Diagnostic::error("", 
                "the login is a root token, which may do everything and read every module's secrets",
                "give this vault a login whose policy allows `read` on its own secrets, and revoke this token",
            ));
        } else if policies.iter().all(|policy| *policy == "default") {
            found.push(Diagnostic::error(
                "",
                "the login has no policy except `default`, which allows no secret to be read",
                "give its role a policy that allows `read` on this vault's secrets",
            ));
        }
        if self.num_uses > 0 {
            found.push(Diagnostic::error(
                "",
                text!("the login expires after {} more requests", self.num_uses),
                "set token_num_uses = 0 on its role",
            ));
        }
        // A token issued to this server is replaced before it expires.
        if !owned {
            found.push(self.expiry());
        }
        found
    }

    /// Rates the expiry of a token that was issued elsewhere.
    fn expiry(&self) -> Diagnostic {
        let left = Duration::from_secs(self.ttl);
        let what = text!("the token expires in {}", TimeLeft(left));
        let help = "create one with a period (`vault token create -period=…`), or log in by approle, kubernetes or jwt";
        match self {
            Self { ttl: 0, .. } => {
                Diagnostic::warning("", "the token never expires, so a stolen one stays valid", help)
            }
            Self { renewable: true, .. } => Diagnostic::info("", text!("{what}, and is renewed before")),
            _ => rate_expiry(left, text!("{what} and cannot be renewed"), help),
        }
    }
}

/// Diagnoses missing and excessive permissions on the needed, the foreign and the privileged paths.
async fn capabilities(
    sessions: &Arc<SessionManager>,
    needed: &[(&SecretPath, String)],
    foreign: Vec<String>,
) -> Vec<Diagnostic> {
    let paths = needed.iter().map(|(_, path)| path.as_str()).chain(foreign.iter().map(String::as_str));
    let paths: Vec<&str> = paths.chain(PRIVILEGED_PATHS).collect();
    let denied = || VaultError::secret(ErrorKind::Denied, "");
    let unknown = || {
        vec![Diagnostic::warning(
            "",
            "the login may not query its capabilities, so missing and excessive ones are unknown",
            "grant it `update` on sys/capabilities-self, as the policy `default` does",
        )]
    };
    let response = match sessions.send(&endpoint::capabilities(&paths), denied).await {
        Ok((response, _)) if response.status == StatusCode::OK => response,
        Ok(_) => return unknown(),
        Err(error) if error.kind() == ErrorKind::Denied => return unknown(),
        Err(_) => return Vec::new(),
    };
    // Besides the paths there is a member `capabilities`, also a list.
    let Ok(all) = response::data::<HashMap<String, Vec<String>>>(&response.body) else { return unknown() };
    let may = |path: &str, any_of: &[&str]| {
        all.get(path).is_some_and(|has| has.iter().any(|one| one == "root" || any_of.contains(&one.as_str())))
    };
    let mut found = Vec::new();
    // A path consists of settings, module and account, which were checked when they were read.
    let shown = |path: &str| Text::unchecked(path);
    for (secret, path) in needed {
        if !may(path, &["read"]) {
            let path = shown(path);
            let what = text!("the policies do not allow `read` on {path}");
            let help = text!("add path \"{path}\" with capabilities = [\"read\"] to a policy of its role");
            found.push(Diagnostic::error(secret.to_string(), what, help));
        }
    }
    let change = ["create", "update", "patch", "delete", "sudo"];
    let writable: Vec<&str> =
        needed.iter().map(|(_, path)| &**path).filter(|path| may(path, &change)).collect();
    if let Some(first) = writable.first() {
        found.push(Diagnostic::warning("", 
            text!("the login may also change what it reads ({}{})", shown(first), and_more(writable.len())),
            "`secret set` and `secret copy` need that, a server does not: give the server a login that may only read",
        ));
    }
    let any = ["read", "list", "create", "update", "patch", "delete", "sudo"];
    let reached: Vec<&str> = foreign.iter().map(|path| &**path).filter(|path| may(path, &any)).collect();
    if let Some(first) = reached.first() {
        found.push(Diagnostic::error(
            "",
            text!(
                "the login can access secrets of other vaults: {}{}",
                shown(first),
                and_more(reached.len())
            ),
            "narrow its policy to this vault's own folder",
        ));
    }
    let privileged: Vec<&'static str> =
        PRIVILEGED_PATHS.into_iter().filter(|path| may(path, &["create", "update", "sudo"])).collect();
    if !privileged.is_empty() {
        found.push(Diagnostic::error(
            "",
            text!("the login has privileges that no module needs, on {}", Text::join(privileged, ", ")),
            "remove these from its policies: an attacker with this login could extend its own permissions",
        ));
    }
    if found.is_empty() {
        found.push(Diagnostic::info(
            "",
            text!("the policies allow what is needed ({}) and no more", needed.len()),
        ));
    }
    found
}

fn and_more(count: usize) -> Text {
    if count > 1 { text!(" and {} more", count - 1) } else { Text::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_config::Severity;

    #[test]
    fn a_login_is_rated_by_its_policies_and_its_expiry() {
        let lookup = |json: &str| -> Lookup { serde_json::from_str(json).unwrap() };
        let level = |json: &str, owned: bool| {
            lookup(json).diagnostics(owned).iter().map(|found| found.severity).max()
        };
        assert_eq!(level(r#"{"policies":["root"],"ttl":0}"#, false), Some(Severity::Error));
        assert_eq!(level(r#"{"policies":["default"],"ttl":9}"#, true), Some(Severity::Error));
        assert_eq!(level(r#"{"policies":["default"],"identity_policies":["p"],"ttl":9}"#, true), None);
        assert_eq!(level(r#"{"policies":["p"],"ttl":9,"num_uses":3}"#, true), Some(Severity::Error));
        assert_eq!(level(r#"{"policies":["p"],"ttl":0}"#, false), Some(Severity::Warning));
        assert_eq!(level(r#"{"policies":["p"],"ttl":3600,"renewable":true}"#, false), Some(Severity::Info));
        assert_eq!(level(r#"{"policies":["p"],"ttl":3600}"#, false), Some(Severity::Error));
        assert_eq!(level(r#"{"policies":["p"],"ttl":172800}"#, false), Some(Severity::Warning));
        assert_eq!(level(r#"{"policies":["p"],"ttl":1728000}"#, false), Some(Severity::Info));
    }
}
