//! One context of a kubeconfig: its server and its login.
//!
//! What would make requests of its own, run a program or weaken TLS is refused with what to do instead. Other contexts do not
//! matter. Errors name contexts, clusters and users, and never hold a value.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofferdam_config::quote;
use cofferdam_vault::files::without_byte_order_mark;
use cofferdam_vault::http::{Address, Pem, TlsFiles};
use cofferdam_vault::{ConfiguredFile, ErrorKind, ExposeSecret as _, JsonSecret, Protection, VaultError};
use serde::Deserialize;
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use crate::names::is_namespace;
use crate::target::{Login, Target};

/// What replaces a login that Cofferdam does not use.
const USE_A_TOKEN: &str =
    "create a token with `kubectl create token SERVICEACCOUNT`, and name its file in `tokenFile`";

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Kubeconfig {
    current_context: Option<String>,
    // Each is `null` in a file that kubectl has just made.
    contexts: Option<Vec<NamedContext>>,
    clusters: Option<Vec<NamedCluster>>,
    users: Option<Vec<NamedUser>>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
    user: Option<String>,
    namespace: Option<String>,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
    tls_server_name: Option<IgnoredAny>,
    proxy_url: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    token: Option<JsonSecret>,
    #[serde(rename = "tokenFile")]
    token_file: Option<String>,
    client_certificate: Option<String>,
    client_certificate_data: Option<JsonSecret>,
    client_key: Option<String>,
    client_key_data: Option<JsonSecret>,
    exec: Option<IgnoredAny>,
    auth_provider: Option<IgnoredAny>,
    username: Option<IgnoredAny>,
    password: Option<IgnoredAny>,
    #[serde(rename = "as")]
    impersonated: Option<IgnoredAny>,
    as_uid: Option<IgnoredAny>,
    as_groups: Option<IgnoredAny>,
    as_user_extra: Option<IgnoredAny>,
}

/// Reads the context `name`, or the current one, of the kubeconfig `file`. Blocks.
///
/// # Errors
///
/// `Misconfigured`, or those of [`ConfiguredFile::read`], with scope vault.
pub(crate) fn load(file: &ConfiguredFile, name: Option<&str>) -> Result<Target, VaultError> {
    let content = file.read()?;
    parse(file, &content, name)
}

fn parse(file: &ConfiguredFile, content: &[u8], name: Option<&str>) -> Result<Target, VaultError> {
    let wrong = |why: String| VaultError::vault(ErrorKind::Misconfigured, format!("{file} {why}"));
    let text = std::str::from_utf8(content).map_err(|_| wrong("is not UTF-8; write it again".to_owned()))?;
    // The parser's own message may quote the file.
    let config: Kubeconfig = serde_saphyr::from_str(without_byte_order_mark(text)).map_err(|error| {
        let line = error.location().map(|at| format!(" (line {})", at.line())).unwrap_or_default();
        wrong(format!("is not a kubeconfig{line}; check it with `kubectl config view`"))
    })?;
    let name = match (name, config.current_context) {
        (Some(name), _) => name.to_owned(),
        (None, Some(current)) if !current.is_empty() => current,
        (None, _) => {
            return Err(wrong("has no current context; name one in `context`".to_owned()));
        }
    };
    let absent = |what: &'static str, name: &str| {
        wrong(format!("has no {}; check it with `kubectl config view`", quote::named(what, name)))
    };
    let contexts = config.contexts.unwrap_or_default();
    let context = contexts.into_iter().find(|context| context.name == name);
    let context = context.ok_or_else(|| absent("context", &name))?.context;
    let clusters = config.clusters.unwrap_or_default();
    let cluster = clusters.into_iter().find(|cluster| cluster.name == context.cluster);
    let cluster = cluster.ok_or_else(|| absent("cluster", &context.cluster))?;
    let user_name = context.user.unwrap_or_default();
    let user = config.users.unwrap_or_default().into_iter().find(|user| user.name == user_name);
    let user = user.ok_or_else(|| absent("user", &user_name))?;
    let namespace = context.namespace.filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned());
    if !is_namespace(&namespace) {
        return Err(wrong(format!("has {} with an invalid namespace", quote::named("context", &name))));
    }
    let of_cluster = Entry { file, name: quote::named("cluster", &cluster.name).to_string() };
    let of_user = Entry { file, name: quote::named("user", &user.name).to_string() };
    let (address, ca) = cluster.cluster.check(&of_cluster)?;
    let (login, certificate, key) = user.user.check(&of_user)?;
    Ok(Target { address, tls: TlsFiles { ca, certificate, key }, login, namespace })
}

/// A cluster or a user of a kubeconfig.
struct Entry<'a> {
    file: &'a ConfiguredFile,
    /// As messages call it: `user "ada"`.
    name: String,
}

impl Entry<'_> {
    fn wrong(&self, why: &str) -> VaultError {
        let message = format!("{} has {} {why}", self.file, self.name);
        VaultError::vault(ErrorKind::Misconfigured, message)
    }

    /// The file at `path`, relative to the kubeconfig.
    fn file(&self, path: &str, name: &'static str, protection: Protection) -> ConfiguredFile {
        let folder = self.file.path().parent().unwrap_or(Path::new(""));
        ConfiguredFile::new(folder.join(path), name, protection)
    }

    /// PEM that is given as base64 `data`, or in the file at `path`; `data` comes first, as for kubectl.
    fn pem(
        &self,
        data: Option<&str>,
        path: Option<String>,
        name: &'static str,
        protection: Protection,
    ) -> Result<Option<Pem>, VaultError> {
        if let Some(data) = data.filter(|data| !data.is_empty()) {
            let content = STANDARD.decode(data).map(Zeroizing::new);
            let content = content.map_err(|_| self.wrong(&format!("with {name} that is not base64")))?;
            let name: Arc<str> = format!("{name} of {} in {}", self.name, self.file).into();
            return Ok(Some(Pem::Inline { name, content: Arc::new(content) }));
        }
        let path = path.filter(|path| !path.is_empty());
        Ok(path.map(|path| Pem::from(self.file(&path, name, protection))))
    }
}

impl Cluster {
    fn check(self, entry: &Entry<'_>) -> Result<(Address, Option<Pem>), VaultError> {
        if self.insecure_skip_tls_verify {
            let why = "with `insecure-skip-tls-verify`, which is not supported; name its CA in `certificate-authority`";
            return Err(entry.wrong(why));
        }
        if self.tls_server_name.is_some() || self.proxy_url.is_some() {
            let why = "with `tls-server-name` or `proxy-url`, which are not supported; name the server itself in `server`";
            return Err(entry.wrong(why));
        }
        let address = Address::parse("server", &self.server, false)
            .map_err(|invalid| entry.wrong(&format!("whose {invalid}")))?;
        let data = self.certificate_authority_data.as_deref();
        let ca = entry.pem(data, self.certificate_authority, "the CA certificate", Protection::Integrity)?;
        Ok((address, ca))
    }
}

impl User {
    fn check(self, entry: &Entry<'_>) -> Result<(Login, Option<Pem>, Option<Pem>), VaultError> {
        let refused = [
            (self.exec.is_some(), "`exec`, which runs a program"),
            (self.auth_provider.is_some(), "`auth-provider`, which logs in elsewhere"),
            (
                self.username.is_some() || self.password.is_some(),
                "a password, which Kubernetes no longer accepts",
            ),
        ];
        if let Some((_, what)) = refused.iter().find(|(present, _)| *present) {
            return Err(entry.wrong(&format!("with {what}; {USE_A_TOKEN}")));
        }
        let impersonates = [&self.impersonated, &self.as_uid, &self.as_groups, &self.as_user_extra]
            .iter()
            .any(|key| key.is_some());
        if impersonates {
            return Err(
                entry.wrong(&format!("who acts as another user, which is not supported; {USE_A_TOKEN}"))
            );
        }
        let exposed = |secret: &Option<JsonSecret>| {
            secret.as_ref().map(|JsonSecret(text)| Zeroizing::new(text.expose_secret().to_owned()))
        };
        let data = exposed(&self.client_certificate_data);
        let data = data.as_ref().map(|text| text.as_str());
        let integrity = Protection::Integrity;
        let certificate = entry.pem(data, self.client_certificate, "the client certificate", integrity)?;
        let data = exposed(&self.client_key_data);
        let data = data.as_ref().map(|text| text.as_str());
        let key = entry.pem(data, self.client_key, "the client key", Protection::Secrecy)?;
        if certificate.is_some() != key.is_some() {
            return Err(entry.wrong("with a client certificate or a client key, but not both"));
        }
        let token =
            self.token.map(|JsonSecret(token)| token).filter(|token| !token.expose_secret().is_empty());
        let login = match (self.token_file.filter(|path| !path.is_empty()), token) {
            (Some(path), _) => Login::File(entry.file(&path, "the token file", Protection::Secrecy)),
            (None, Some(token)) => Login::Token(token),
            (None, None) if certificate.is_some() => Login::Certificate,
            (None, None) => return Err(entry.wrong(&format!("without a login; {USE_A_TOKEN}"))),
        };
        Ok((login, certificate, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: &str = "server: https://10.0.0.1:6443\n    certificate-authority-data: Y2E=";

    fn kubeconfig(cluster: &str, user: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: main\npreferences: {{}}\n\
             contexts:\n- name: main\n  context:\n    cluster: c\n    user: u\n    namespace: mcp\n\
             - name: other\n  context:\n    cluster: absent\n    user: absent\n\
             clusters:\n- name: c\n  cluster:\n    {cluster}\n\
             users:\n- name: u\n  user:\n    {user}\n"
        )
    }

    fn load(text: &str, name: Option<&str>) -> Result<Target, String> {
        let file =
            ConfiguredFile::new("/home/ada/.kube/config".into(), "the kubeconfig", Protection::Secrecy);
        parse(&file, text.as_bytes(), name).map_err(|error| {
            assert_eq!(error.kind(), ErrorKind::Misconfigured);
            let message = error.message().to_owned();
            assert!(!message.contains("canary"), "{message}");
            assert!(message.starts_with("the kubeconfig /home/ada/.kube/config "), "{message}");
            message
        })
    }

    #[test]
    fn a_context_is_a_server_and_a_login() {
        let target = load(&kubeconfig(CLUSTER, "token: canary"), None).unwrap();
        assert_eq!(
            (target.address.base.as_str(), target.namespace.as_str()),
            ("https://10.0.0.1:6443", "mcp")
        );
        assert!(matches!(&target.login, Login::Token(token) if token.expose_secret() == "canary"));
        assert_eq!(target.tls.ca.as_ref().unwrap().read().unwrap().as_slice(), b"ca");
        assert!(!format!("{target:?}").contains("canary"));

        let user =
            "tokenFile: token\n    token: canary\n    client-certificate: tls.crt\n    client-key-data: a2V5";
        let target = load(&kubeconfig(CLUSTER, user), Some("main")).unwrap();
        assert!(
            matches!(target.login, Login::File(file) if file.path() == Path::new("/home/ada/.kube/token"))
        );
        assert_eq!(target.tls.key.unwrap().read().unwrap().as_slice(), b"key");
        let certificate = target.tls.certificate.unwrap();
        assert_eq!(certificate.file().unwrap().path(), Path::new("/home/ada/.kube/tls.crt"));

        let user = "client-certificate-data: Y2FuYXJ5\n    client-key: /etc/key";
        assert!(matches!(load(&kubeconfig(CLUSTER, user), None).unwrap().login, Login::Certificate));
    }

    #[test]
    fn what_is_not_supported_is_refused_with_what_to_do() {
        for (cluster, user, said) in [
            (CLUSTER, "exec:\n      command: canary", "`exec`"),
            (CLUSTER, "exec:\n      command: canary\n    token: canary", "`exec`"),
            (CLUSTER, "auth-provider:\n      name: canary", "`auth-provider`"),
            (CLUSTER, "username: canary\n    password: canary", "a password"),
            (CLUSTER, "token: canary\n    as: admin", "another user"),
            (CLUSTER, "client-key-data: Y2FuYXJ5", "not both"),
            (CLUSTER, "client-key-data: canary!\n    client-certificate: a", "not base64"),
            (CLUSTER, "{}", "without a login"),
            ("server: http://10.0.0.1", "token: canary", "server"),
            ("server: https://ada:canary@10.0.0.1", "token: canary", "server"),
            ("server: https://10.0.0.1\n    insecure-skip-tls-verify: true", "token: canary", "tls-verify"),
            ("server: https://10.0.0.1\n    proxy-url: http://canary", "token: canary", "`proxy-url`"),
        ] {
            let message = load(&kubeconfig(cluster, user), None).unwrap_err();
            assert!(message.contains(said), "{said}: {message}");
        }
    }

    #[test]
    fn what_is_missing_is_named_and_what_is_broken_is_not_quoted() {
        let text = kubeconfig(CLUSTER, "token: canary");
        for (name, said) in [("absent", "context \"absent\""), ("other", "cluster \"absent\"")] {
            assert!(load(&text, Some(name)).unwrap_err().contains(said));
        }
        assert!(load("kind: Config\ncontexts: null\n", None).unwrap_err().contains("no current context"));
        for text in [
            "canary",
            "- canary",
            "token: [canary",
            "contexts: {canary: 1}",
            "a: &a [*a, canary]\ncontexts: canary",
        ] {
            assert!(load(text, None).unwrap_err().contains("is not a kubeconfig"), "{text}");
        }
    }
}
