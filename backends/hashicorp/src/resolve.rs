//! Resolves the keys of a profile: relative paths, and with `ambient` the variables of the environment.

use std::cell::RefCell;
use std::path::PathBuf;

use cofferdam_vault::http::{Address, Pem, TlsFiles};
use cofferdam_vault::{ConfiguredFile, ErrorKind, Protection, SecretPath, VaultContext, VaultError};

use crate::auth::{Auth, AuthTable, Method};
use crate::config::Config;
use crate::settings::{AuthMethod, Credentials, KvVersion, SecretIdSource, Settings, TokenSource};

/// The token of a pod's service account in Kubernetes.
const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Looks up an environment variable.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Looks up a variable of this process. An empty one counts as unset.
pub(crate) fn process_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The variables of the HTTP client that name proxies.
const PROXIES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// The settings of `config`, which has no problems.
pub(crate) fn resolve(config: Config, context: &VaultContext, variable: Lookup<'_>) -> Settings {
    let ambient = config.ambient;
    let used = RefCell::new(Vec::new());
    let variable = |name: &'static str| {
        let value = if ambient { variable(name) } else { None };
        used.borrow_mut().extend(value.is_some().then_some(name));
        value
    };
    let file = |path: Option<PathBuf>, variable_name, name, protection| {
        let path = path.map(|path| context.resolve(&path));
        let path = path.or_else(|| variable(variable_name).map(PathBuf::from));
        path.map(|path| ConfiguredFile::new(path, name, protection))
    };
    // `check` has accepted an address of the profile, so only one of the environment can be invalid.
    let address = match config.address.or_else(|| variable("VAULT_ADDR")) {
        Some(text) => Address::parse("VAULT_ADDR", &text, config.insecure_http)
            .map_err(|invalid| VaultError::vault(ErrorKind::Misconfigured, invalid.to_string())),
        None => Err(VaultError::vault(
            ErrorKind::Misconfigured,
            "no address is configured: VAULT_ADDR is unset or empty; set it, or set `address` in the profile",
        )),
    };
    let auth = match config.auth {
        Some(Auth(table)) => auth_method(table, context),
        None => match variable("VAULT_TOKEN") {
            Some(token) => AuthMethod::Token(TokenSource::Variable(token.trim().into())),
            None => AuthMethod::None,
        },
    };
    let certificate = config.client_cert_file;
    let certificate = file(certificate, "VAULT_CLIENT_CERT", "the client certificate", Protection::Integrity);
    let key = file(config.client_key_file, "VAULT_CLIENT_KEY", "the client key", Protection::Secrecy);
    let tls = TlsFiles {
        ca: file(config.ca_file, "VAULT_CACERT", "the CA file", Protection::Integrity).map(Pem::from),
        certificate: certificate.map(Pem::from),
        key: key.map(Pem::from),
    };
    let namespace = config.namespace.or_else(|| variable("VAULT_NAMESPACE"));
    for name in PROXIES {
        // Read by the HTTP client, if `proxies` is set.
        let _ = variable(name);
    }
    Settings {
        address,
        redirects: config
            .redirects
            .iter()
            .filter_map(|text| Address::parse("redirects", text, config.insecure_http).ok())
            .collect(),
        tls,
        proxies: ambient,
        variables: used.into_inner(),
        namespace,
        mount: config.mount,
        prefix: config.prefix,
        kv: if config.kv == 1 { KvVersion::V1 } else { KvVersion::V2 },
        paths: config
            .paths
            .into_iter()
            .filter_map(|(path, target)| path.parse().ok().map(|path| (path, target)))
            .collect(),
        auth,
    }
}

impl Config {
    /// The address of the server in one spelling; `None` if the settings and the environment have none.
    pub(crate) fn server(&self, variable: Lookup<'_>) -> Option<String> {
        let ambient = || variable("VAULT_ADDR").filter(|_| self.ambient);
        let text = self.address.clone().or_else(ambient)?;
        Address::parse("address", &text, self.insecure_http).ok().map(|address| address.base)
    }

    /// The path of the secret `path` in the server's API, with the namespace. Two settings that differ may lead to one.
    pub(crate) fn api_path(&self, path: &SecretPath, variable: Lookup<'_>) -> String {
        let ambient = || variable("VAULT_NAMESPACE").filter(|_| self.ambient);
        let namespace = self.namespace.clone().or_else(ambient);
        let namespace = namespace.as_deref().map(|namespace| namespace.trim_matches('/'));
        let data = (self.kv != 1).then_some("data");
        let parts = match self.paths.get(path.as_str()) {
            Some(target) => vec![namespace, Some(target.as_str())],
            None => {
                vec![namespace, Some(self.mount.as_str()), data, self.prefix.as_deref(), Some(path.as_str())]
            }
        };
        parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    }
}

/// The method of `auth`, which has every key that the method requires.
fn auth_method(auth: AuthTable, context: &VaultContext) -> AuthMethod {
    let mount = auth.mount.unwrap_or_else(|| auth.method.name().to_owned());
    let file = |path: Option<PathBuf>, name, protection| {
        ConfiguredFile::new(context.resolve(&path.unwrap_or_default()), name, protection)
    };
    let secret = |path, name| file(path, name, Protection::Secrecy);
    let credentials = match auth.method {
        Method::Token => {
            return AuthMethod::Token(TokenSource::File(secret(auth.token_file, "the token file")));
        }
        Method::Approle => Credentials::AppRole {
            role_id: auth.role_id.unwrap_or_default(),
            secret_id: match (auth.secret_id_file, auth.secret_id_wrapped_file) {
                (None, wrapped @ Some(_)) => {
                    SecretIdSource::Wrapped(secret(wrapped, "the wrapped secret ID file"))
                }
                (plain, _) => SecretIdSource::File(secret(plain, "the secret ID file")),
            },
        },
        Method::Kubernetes => Credentials::Kubernetes {
            role: auth.role.unwrap_or_default(),
            // Kubernetes sets its mode, and only the pod's own users exist there.
            jwt: file(
                auth.jwt_file.or_else(|| Some(SERVICE_ACCOUNT_TOKEN.into())),
                "the service account token",
                Protection::Integrity,
            ),
        },
        Method::Jwt => Credentials::Jwt { role: auth.role, jwt: secret(auth.jwt_file, "the JWT file") },
        Method::Cert => Credentials::Cert { name: auth.name },
        Method::Userpass => Credentials::Userpass {
            username: auth.username.unwrap_or_default(),
            password: secret(auth.password_file, "the password file"),
        },
    };
    AuthMethod::Login { mount, credentials }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_vault::{ExposeSecret as _, Threads};

    fn settings(text: &str, variable: Lookup<'_>) -> Settings {
        let config: Config = toml::from_str(text).map_err(|error| error.message().to_owned()).unwrap();
        let (name, base_dir) = ("test".to_owned(), PathBuf::from("/profile"));
        let context = VaultContext { name, base_dir, threads: Threads::new("test", 1), prompt: None };
        resolve(config, &context, variable)
    }

    fn environment(name: &str) -> Option<String> {
        let value = match name {
            "VAULT_ADDR" => "https://ambient.example",
            "VAULT_TOKEN" => "hvs.ambient",
            "VAULT_NAMESPACE" => "ambient",
            "VAULT_CACERT" => "/ambient/ca",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn no_variable_is_read_unless_the_profile_says_so() {
        let text = "address = 'https://a.example'\nauth = { method = 'token', token_file = 't' }";
        let settings = settings(text, &|name| panic!("{name} was read"));
        assert_eq!(settings.address.unwrap().base, "https://a.example");
        assert!(settings.namespace.is_none() && settings.tls.ca.is_none() && !settings.proxies);
    }

    #[test]
    fn the_environment_sets_what_the_profile_leaves_out() {
        let settings = settings("ambient = true\nnamespace = 'mine'", &environment);
        assert_eq!(settings.address.unwrap().base, "https://ambient.example");
        assert_eq!(settings.namespace.as_deref(), Some("mine"), "the profile wins");
        assert_eq!(settings.tls.ca.unwrap().file().unwrap().path(), "/ambient/ca");
        assert_eq!(
            settings.variables,
            ["VAULT_ADDR", "VAULT_TOKEN", "VAULT_CACERT"],
            "each is named, none else"
        );
        let AuthMethod::Token(TokenSource::Variable(token)) = settings.auth else { panic!("no token") };
        assert_eq!(token.expose_secret(), "hvs.ambient");
    }

    #[test]
    fn settings_that_lead_to_one_secret_have_one_path() {
        let secret = |text: &str, path: &str| {
            let config: Config = toml::from_str(text).map_err(|error| error.message().to_owned()).unwrap();
            (config.server(&environment), config.api_path(&path.parse().unwrap(), &environment))
        };
        let first =
            secret("address = 'https://A.example:443/'\nnamespace = 'team/'\nprefix = 'x'", "github/work");
        assert_eq!(
            first,
            (Some("https://a.example".to_owned()), "team/secret/data/x/github/work".to_owned())
        );
        for (same, path) in [
            ("address = 'https://a.example'\nmount = 'team/secret'", "x/github/work"),
            (
                "address = 'https://a.example'\nmount = 'team/secret'\nkv = 1\nprefix = 'data/x'",
                "github/work",
            ),
            ("address = 'https://a.example'\npaths = { 'a/b' = 'team/secret/data/x/github/work' }", "a/b"),
        ] {
            assert_eq!(secret(same, path), first, "{same}");
        }
        let ambient = secret("ambient = true", "a");
        assert_eq!(ambient, (Some("https://ambient.example".to_owned()), "ambient/secret/data/a".to_owned()));
    }

    #[test]
    fn a_missing_or_invalid_variable_is_misconfigured() {
        for address in [None, Some("http://plain.example"), Some("https://a:canary@b.example")] {
            let lookup = |name: &str| address.filter(|_| name == "VAULT_ADDR").map(str::to_owned);
            let settings = settings("ambient = true", &lookup);
            let error = settings.address.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Misconfigured);
            assert!(!error.message().contains("canary"));
            assert!(matches!(settings.auth, AuthMethod::None));
        }
    }
}
