//! Diagnoses the files, the login, and what it may do.
//!
//! The API server itself is asked (`SelfSubjectAccessReview`, which every login may create), because it knows every role and
//! every authorizer. Reads no secret and changes nothing.

use std::time::SystemTime;

use cofferdam_config::{Diagnostic, Diagnostics, Text, text};
use cofferdam_vault::http::{
    TokenFile, diagnose_certificate, diagnose_certificate_files, rate_token, token_expiry,
};
use cofferdam_vault::{ConfiguredFile, SecretPath, SecretString, TimeLeft, VaultContext, VaultError};

use crate::api::{Access, Api, Name, ready};
use crate::connection::{Connection, Connector};
use crate::source::Source;
use crate::target::Login;

/// How many secrets of other vaults a diagnosis names.
const MAX_NAMED: usize = 3;

/// The name of the secret at `path` for other vaults of the profile, if `namespace` is known from the settings.
pub(crate) fn resource(namespace: Option<&str>, path: &SecretPath) -> Option<String> {
    namespace.map(|namespace| format!("{namespace}/{}", Name::new(path).0))
}

/// Diagnoses the vault. `foreign` are [resources](resource) of other vaults of the profile.
pub(crate) async fn diagnose(
    connector: &Connector,
    needed: &[SecretPath],
    foreign: &[String],
    found: &mut Diagnostics,
) {
    let context = connector.context();
    if let Source::Kubeconfig { file, .. } = connector.source() {
        found.extend(ConfiguredFile::diagnose(vec![file.clone()], &context.threads).await);
    }
    // If there is no connection, or the server does not respond, the probe reports it.
    let Ok(api) = Api::connect(connector).await else { return };
    login(connector.source(), api.connection(), context, found).await;
    found.extend(diagnose_certificate(api.connection().http(), &ready()).await);
    if let Ok(more) = access(&api, needed, foreign).await {
        found.extend(more);
    }
}

/// Diagnoses what the login is made with.
async fn login(source: &Source, connection: &Connection, context: &VaultContext, found: &mut Diagnostics) {
    if let Source::Kubeconfig { .. } = source {
        let tls = connection.tls();
        let token = match connection.login() {
            Login::File(file) => Some(file),
            Login::Certificate | Login::Token(_) => None,
        };
        let pem = [&tls.ca, &tls.key].into_iter().flatten().filter_map(|pem| pem.file());
        let files = pem.chain(token).cloned().collect();
        found.extend(ConfiguredFile::diagnose(files, &context.threads).await);
    }
    found.extend(diagnose_certificate_files(connection.tls().clone(), &context.threads).await);
    let now = SystemTime::now();
    match (source, connection.login()) {
        (_, Login::Certificate) => {}
        (_, Login::Token(token)) => {
            found.push(rate_token(token, now, "write a new token into the kubeconfig".into()));
        }
        (Source::Kubeconfig { .. }, Login::File(file)) => {
            found.extend(TokenFile::new(file.clone(), context.threads.clone()).diagnose(now).await);
        }
        (Source::Pod(_), Login::File(file)) => {
            let token = TokenFile::new(file.clone(), context.threads.clone()).read().await;
            found.extend(token.ok().map(|token| rate_pod_token(&token, now)));
        }
    }
}

/// Rates the token of a pod, which the kubelet replaces when a fifth of its life is left.
fn rate_pod_token(token: &SecretString, now: SystemTime) -> Diagnostic {
    match token_expiry(token).ok().flatten().map(|end| end.duration_since(now)) {
        Some(Ok(left)) => {
            let left = TimeLeft(left);
            Diagnostic::info("", text!("the token expires in {left}, and the kubelet replaces it before"))
        }
        Some(Err(_)) => Diagnostic::error(
            "",
            "the token of the service account has expired, and the kubelet has not replaced it",
            "check the node that this pod runs on",
        ),
        None => Diagnostic::warning(
            "",
            "the token of the service account does not expire, so a stolen one stays valid",
            "mount a projected token, as Kubernetes does by default",
        ),
    }
}

/// Diagnoses what the login may do: too little for `needed`, or too much.
async fn access(
    api: &Api<'_>,
    needed: &[SecretPath],
    foreign: &[String],
) -> Result<Vec<Diagnostic>, VaultError> {
    let namespace = api.connection().namespace();
    let secrets =
        |verb| Access { verb, resource: "secrets", group: "", namespace: Some(namespace), name: None };
    let mut found = Vec::new();
    let everything = Access { verb: "*", resource: "*", group: "*", namespace: None, name: None };
    let Some(everything) = api.allows(everything).await? else {
        let help = "allow the login to create SelfSubjectAccessReviews, as the role system:basic-user does";
        let what = "the login may not ask what it may do, so missing and excessive permissions are unknown";
        return Ok(vec![Diagnostic::warning("", what, help)]);
    };
    if everything {
        found.push(Diagnostic::error(
            "",
            "the login may do everything in the cluster",
            "give this vault a service account whose role allows `get`, `list` and `watch` on Secrets of its namespace",
        ));
        return Ok(found);
    }
    if api.allows(secrets("get")).await? != Some(true) {
        for path in needed {
            let name = Name::new(path);
            if api.allows(Access { name: Some(&name.0), ..secrets("get") }).await? != Some(true) {
                // The name consists of settings, module and account, which were checked when they were read.
                let shown = Text::unchecked(&name.0);
                let what = text!("the login may not `get` the Secret {shown}");
                let help = "add it to the role of the login, or allow `get` on all Secrets of the namespace";
                found.push(Diagnostic::error(path.to_string(), what, help));
            }
        }
    }
    let watches =
        api.allows(secrets("list")).await? == Some(true) && api.allows(secrets("watch")).await? == Some(true);
    if !watches {
        found.push(Diagnostic::warning(
            "",
            "the login may not `list` and `watch` Secrets, so changed ones are noticed after `cache_ttl`",
            "allow both on the Secrets of the namespace",
        ));
    }
    let anywhere = Access { namespace: None, ..secrets("get") };
    if api.allows(anywhere).await? == Some(true) {
        found.push(Diagnostic::error(
            "",
            "the login can read the Secrets of every namespace",
            "give it a Role with a RoleBinding in its namespace, instead of a ClusterRoleBinding",
        ));
    }
    if api.allows(secrets("patch")).await? == Some(true) || api.allows(secrets("delete")).await? == Some(true)
    {
        found.push(Diagnostic::warning(
            "",
            "the login may also change what it reads",
            "`secret set` and `secret copy` need that, a server does not: give the server a login that may only read",
        ));
    }
    found.extend(reached(api, foreign).await?);
    if found.is_empty() {
        let needed = needed.len();
        found.push(Diagnostic::info("", text!("the login may do what is needed ({needed}) and no more")));
    }
    Ok(found)
}

/// Diagnoses which of `foreign` the login can read.
async fn reached(api: &Api<'_>, foreign: &[String]) -> Result<Option<Diagnostic>, VaultError> {
    let mut reached = Vec::new();
    for resource in foreign {
        let Some((namespace, name)) = resource.split_once('/') else { continue };
        let access = Access {
            verb: "get",
            resource: "secrets",
            group: "",
            namespace: Some(namespace),
            name: Some(name),
        };
        if api.allows(access).await? == Some(true) {
            // It consists of settings, module and account, which were checked when they were read.
            reached.push(Text::unchecked(resource));
        }
    }
    if reached.is_empty() {
        return Ok(None);
    }
    let more = reached.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { text!(" and {more} more") } else { Text::default() };
    let named = Text::join(reached.into_iter().take(MAX_NAMED), ", ");
    Ok(Some(Diagnostic::warning(
        "",
        text!("the login can read Secrets of other vaults, if these are in the same cluster: {named}{more}"),
        "give each vault a namespace of its own, or a role with the names of its Secrets",
    )))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use cofferdam_config::Severity;

    use super::*;

    #[test]
    fn a_token_that_the_kubelet_replaces_may_expire_soon() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let rated = |claims: &str| {
            let token = format!("eyJ.{}.canary", URL_SAFE_NO_PAD.encode(claims));
            let found = rate_pod_token(&token.into(), now);
            assert!(!format!("{found:?}").contains("canary"));
            found.severity
        };
        assert_eq!(rated(r#"{"exp":1800000600}"#), Severity::Info);
        assert_eq!(rated(r#"{"exp":1799999999}"#), Severity::Error);
        assert_eq!(rated(r#"{"sub":"canary"}"#), Severity::Warning);
    }
}
