//! A closer look: what our login may do, how long it lasts, and who else can reach what it logs in with.
//!
//! The server itself is asked (`sys/capabilities-self`, which its policy `default` allows): it knows every policy, glob and
//! identity group that there is, and nothing is tried out.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_config::Diagnostic;
use cofferdam_vault::{Protection, SecretPath, Threads, VaultError, file_permissions};
use http::StatusCode;
use serde::Deserialize;
use vaultrs::api::token::requests::LookupTokenSelfRequest;

use crate::secret_id;
use crate::session::Sessions;
use crate::settings::{Login, SecretId, Settings, TokenSource};
use crate::{answer, endpoint};

/// What no module needs, and what makes a login dangerous: to write policies and engines, to make further tokens.
const POWERS: [&str; 4] = [
    "sys/policies/acl/cofferdam-doctor",
    "sys/mounts/cofferdam-doctor",
    "sys/auth/cofferdam-doctor",
    "auth/token/create",
];

/// A login that cannot be renewed and ends within this time is bad: nobody may look again before.
const SOON: Duration = Duration::from_secs(24 * 60 * 60);

/// One that ends within this time should be known.
const LATER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A file of the settings: where, what, and what others must not do with it.
pub(crate) type Named = (PathBuf, &'static str, Protection);

/// The files that `settings` name.
pub(crate) fn files(settings: &Settings) -> Vec<Named> {
    let mut files = Vec::new();
    match &settings.login {
        Login::Token(TokenSource::File(path)) => {
            files.push((path.clone(), "the token file", Protection::Secrecy))
        }
        Login::AppRole { secret_id: SecretId::File(path), .. } => {
            files.push((path.clone(), "the secret id file", Protection::Secrecy));
        }
        Login::AppRole { secret_id: SecretId::Wrapped(path), .. } => {
            files.push((path.clone(), "the wrapped secret id file", Protection::Secrecy));
        }
        // Kubernetes chooses its mode, and only the pod's own users are there.
        Login::Kubernetes { jwt, .. } => {
            files.push((jwt.clone(), "the service account token", Protection::Integrity))
        }
        Login::Jwt { jwt, .. } => files.push((jwt.clone(), "the JWT file", Protection::Secrecy)),
        Login::Userpass { password, .. } => {
            files.push((password.clone(), "the password file", Protection::Secrecy))
        }
        Login::Token(TokenSource::Variable(_)) | Login::Cert { .. } | Login::Missing => {}
    }
    let tls = &settings.tls;
    files.extend(tls.key.clone().map(|path| (path, "the client key", Protection::Secrecy)));
    files.extend(
        tls.ca.clone().map(|path| (path, "the file of certificate authorities", Protection::Integrity)),
    );
    files
}

/// Who else can reach `files`.
pub(crate) async fn exposed(files: Vec<Named>, threads: &Threads) -> Vec<Diagnostic> {
    let look = move || {
        Ok(files.iter().filter_map(|(path, what, kept)| file_permissions(path, what, *kept)).collect())
    };
    // A thread that cannot be had is the probe's to tell.
    threads.run(look).await.unwrap_or_default()
}

/// What our login is good for: what it is made with, `needs` with the place of each, and places that are none of ours.
pub(crate) async fn login(
    sessions: &Arc<Sessions>,
    threads: &Threads,
    secret_id: Option<&secret_id::InFile>,
    needs: &[(&SecretPath, String)],
    elsewhere: Vec<String>,
) -> Vec<Diagnostic> {
    // That there is no login is the probe's to tell.
    let Ok(session) = sessions.get().await else { return Vec::new() };
    let mut found = match about(sessions).await {
        Ok(Some(about)) => {
            let mut found = about.findings(session.own);
            let role = about.meta.as_ref().and_then(|meta| meta.role_name.as_deref());
            if let Some((secret_id, role)) = secret_id.zip(role) {
                found.extend(secret_id.findings(role, sessions, threads).await);
            }
            found
        }
        Ok(None) => vec![Diagnostic::warning(
            "",
            "our login may not look itself up, so its policies and its end are not known",
            "grant it `read` on auth/token/lookup-self, as the policy `default` does",
        )],
        Err(_) => return Vec::new(),
    };
    found.extend(allowed(sessions, needs, elsewhere).await);
    found
}

/// What `auth/token/lookup-self` says.
#[derive(Deserialize)]
struct About {
    #[serde(default)]
    policies: Vec<String>,
    #[serde(default)]
    identity_policies: Option<Vec<String>>,
    /// In seconds, from now; 0 where the token never ends.
    #[serde(default)]
    ttl: u64,
    #[serde(default)]
    renewable: bool,
    #[serde(default)]
    num_uses: u64,
    #[serde(default)]
    meta: Option<Meta>,
}

/// What the method of the login says of it.
#[derive(Deserialize)]
struct Meta {
    /// Of an AppRole.
    role_name: Option<String>,
}

async fn about(sessions: &Arc<Sessions>) -> Result<Option<About>, VaultError> {
    let denied = || VaultError::secret(cofferdam_vault::ErrorKind::Denied, "");
    match sessions.send(&LookupTokenSelfRequest {}, denied).await {
        Ok((answer, _)) => Ok(answer::data(&answer.body).ok()),
        Err(error) if error.kind() == cofferdam_vault::ErrorKind::Denied => Ok(None),
        Err(error) => Err(error),
    }
}

impl About {
    fn findings(&self, own: bool) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let policies: Vec<&str> =
            self.policies.iter().chain(self.identity_policies.iter().flatten()).map(|p| &**p).collect();
        if policies.contains(&"root") {
            found.push(Diagnostic::error("", 
                "our login is a root token: it may do everything, at every other module's secrets too",
                "give this vault a login whose policy allows `read` on its own secrets, and revoke this token",
            ));
        } else if policies.iter().all(|policy| *policy == "default") {
            found.push(Diagnostic::error(
                "",
                "our login has no policy but `default`, which allows no secret to be read",
                "give its role a policy that allows `read` on this vault's secrets",
            ));
        }
        if self.num_uses > 0 {
            found.push(Diagnostic::error(
                "",
                format!("our login is good for {} more requests, and is refused then", self.num_uses),
                "give its role token_num_uses = 0",
            ));
        }
        // A login of our own is made anew before it ends.
        if !own {
            found.push(self.end());
        }
        found
    }

    /// When a token that somebody made by hand ends.
    fn end(&self) -> Diagnostic {
        let left = Duration::from_secs(self.ttl);
        let what = format!("the token ends in {}", Span(left));
        let remedy = "make one with a period (`vault token create -period=…`), or log in by approle, kubernetes or jwt";
        match self {
            Self { ttl: 0, .. } => {
                Diagnostic::warning("", "the token never ends: one that is stolen works for ever", remedy)
            }
            Self { renewable: true, .. } => Diagnostic::info("", format!("{what}, and is renewed before")),
            _ => by_time_left(left, format!("{what} and cannot be renewed"), remedy),
        }
    }
}

/// What is to be said of something that ends in `left`.
pub(crate) fn by_time_left(left: Duration, what: String, remedy: &str) -> Diagnostic {
    match left {
        _ if left < SOON => Diagnostic::error("", what, remedy),
        _ if left < LATER => Diagnostic::warning("", what, remedy),
        _ => Diagnostic::info("", what),
    }
}

/// A span as people say it: its two largest units.
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60) {
            (0, 0, 0) => write!(f, "{seconds}s"),
            (0, 0, minutes) => write!(f, "{minutes}m"),
            (0, hours, minutes) => write!(f, "{hours}h {minutes}m"),
            (days, hours, _) => write!(f, "{days}d {hours}h"),
        }
    }
}

/// Too little and too much: what our policies allow on what we need, and on what we do not.
async fn allowed(
    sessions: &Arc<Sessions>,
    needs: &[(&SecretPath, String)],
    elsewhere: Vec<String>,
) -> Vec<Diagnostic> {
    let places = needs.iter().map(|(_, place)| place.as_str()).chain(elsewhere.iter().map(String::as_str));
    let places: Vec<&str> = places.chain(POWERS).collect();
    let denied = || VaultError::secret(cofferdam_vault::ErrorKind::Denied, "");
    let unknown = || {
        vec![Diagnostic::warning(
            "",
            "our login may not ask what it may do, so whether that is too much or too little is not known",
            "grant it `update` on sys/capabilities-self, as the policy `default` does",
        )]
    };
    let answer = match sessions.send(&endpoint::capabilities(&places), denied).await {
        Ok((answer, _)) if answer.status == StatusCode::OK => answer,
        Ok(_) => return unknown(),
        Err(error) if error.kind() == cofferdam_vault::ErrorKind::Denied => return unknown(),
        Err(_) => return Vec::new(),
    };
    // Beside the places stands `capabilities`, a list too.
    let Ok(all) = answer::data::<HashMap<String, Vec<String>>>(&answer.body) else { return unknown() };
    let may = |place: &str, wanted: &[&str]| {
        all.get(place)
            .is_some_and(|has| has.iter().any(|one| one == "root" || wanted.contains(&one.as_str())))
    };
    let mut found = Vec::new();
    for (path, place) in needs {
        if !may(place, &["read"]) {
            let what = format!("our policies do not allow `read` on {place}");
            found.push(Diagnostic::error(
                path.as_str(),
                what,
                format!("add path \"{place}\" with capabilities = [\"read\"] to a policy of its role"),
            ));
        }
    }
    let change = ["create", "update", "patch", "delete", "sudo"];
    let writable: Vec<&str> =
        needs.iter().map(|(_, place)| &**place).filter(|place| may(place, &change)).collect();
    if let Some(first) = writable.first() {
        found.push(Diagnostic::warning("", 
            format!("our login may also change what it reads ({first}{})", and_more(writable.len())),
            "`secret set` and `secret copy` need that, and a server does not: give the server a login that may only read",
        ));
    }
    let any = ["read", "list", "create", "update", "patch", "delete", "sudo"];
    let reached: Vec<&str> =
        elsewhere.iter().map(|place| &**place).filter(|place| may(place, &any)).collect();
    if let Some(first) = reached.first() {
        found.push(Diagnostic::error(
            "",
            format!("our login reaches what is not this vault's: {first}{}", and_more(reached.len())),
            "narrow its policy to this vault's own folder; one login then opens one module",
        ));
    }
    let powers: Vec<&str> =
        POWERS.into_iter().filter(|place| may(place, &["create", "update", "sudo"])).collect();
    if !powers.is_empty() {
        found.push(Diagnostic::error(
            "",
            format!("our login may do what no module needs, on {}", powers.join(", ")),
            "take these out of its policies: whoever takes over this login could give itself more",
        ));
    }
    if found.is_empty() {
        found.push(Diagnostic::info(
            "",
            format!("our policies allow what is needed ({}) and no more", needs.len()),
        ));
    }
    found
}

fn and_more(count: usize) -> String {
    if count > 1 { format!(" and {} more", count - 1) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_config::Severity;

    #[test]
    fn a_login_is_judged_by_its_policies_and_its_end() {
        let about = |json: &str| -> About { serde_json::from_str(json).unwrap() };
        let level =
            |json: &str, own: bool| about(json).findings(own).iter().map(|found| found.severity).max();
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
