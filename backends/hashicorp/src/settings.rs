//! What a vault works with: the settings with paths resolved, and what `ambient` adds.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cofferdam_vault::{ErrorKind, SecretPath, SecretString, VaultContext, VaultError};

use crate::address::Address;
use crate::auth::{Auth, AuthTable, Method};
use crate::config::Config;

/// Where Kubernetes puts the token of a pod's service account.
const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// How a variable of the process is looked up.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A variable of this process; an empty one counts as unset.
pub(crate) fn process_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The settings, resolved.
pub(crate) struct Settings {
    /// The server; or, where only the environment could have named it and did not well, why there is none.
    pub(crate) address: Result<Address, VaultError>,
    pub(crate) redirects: Vec<Address>,
    pub(crate) tls: TlsFiles,
    /// Whether proxies are taken from the environment.
    pub(crate) proxies: bool,
    pub(crate) namespace: Option<String>,
    pub(crate) mount: String,
    pub(crate) prefix: Option<String>,
    pub(crate) kv: Kv,
    pub(crate) paths: BTreeMap<SecretPath, String>,
    pub(crate) login: Login,
}

/// The version of the key-value engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kv {
    V1,
    V2,
}

/// The files that make up the TLS settings.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsFiles {
    pub(crate) ca: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

/// How to log in, with the files to read for it.
pub(crate) enum Login {
    /// A token that is not our own.
    Token(TokenSource),
    AppRole {
        mount: String,
        role_id: String,
        secret_id: SecretId,
    },
    Kubernetes {
        mount: String,
        role: String,
        jwt: PathBuf,
    },
    Jwt {
        mount: String,
        role: Option<String>,
        jwt: PathBuf,
    },
    Cert {
        mount: String,
        name: Option<String>,
    },
    Userpass {
        mount: String,
        username: String,
        password: PathBuf,
    },
    /// Nothing says how.
    Missing,
}

/// Where a token comes from.
pub(crate) enum TokenSource {
    File(PathBuf),
    /// `VAULT_TOKEN`, with `ambient`.
    Variable(SecretString),
}

/// Where AppRole's secret id comes from.
pub(crate) enum SecretId {
    File(PathBuf),
    /// A response-wrapping token, to be unwrapped once.
    Wrapped(PathBuf),
}

impl Settings {
    pub(crate) fn new(config: Config, context: &VaultContext, variable: Lookup<'_>) -> Self {
        let ambient = config.ambient;
        let variable = |name: &str| if ambient { variable(name) } else { None };
        let file = |path: Option<PathBuf>, name: &str| {
            path.map(|path| context.resolve(&path)).or_else(|| variable(name).map(PathBuf::from))
        };
        let address = match config.address.or_else(|| variable("VAULT_ADDR")) {
            Some(text) => Address::parse(&text, config.insecure_http).map_err(|(why, remedy)| {
                let message = format!("the vault's address (or VAULT_ADDR) {why}; {remedy}");
                VaultError::vault(ErrorKind::Misconfigured, message)
            }),
            None => Err(VaultError::vault(
                ErrorKind::Misconfigured,
                "there is no address: VAULT_ADDR is unset or empty; set it, or `address` in the profile",
            )),
        };
        let login = match config.auth {
            Some(Auth(table)) => login(table, context),
            None => match variable("VAULT_TOKEN") {
                Some(token) => Login::Token(TokenSource::Variable(token.into())),
                None => Login::Missing,
            },
        };
        Self {
            address,
            // Settings with problems do not come this far.
            redirects: config
                .redirects
                .iter()
                .filter_map(|text| Address::parse(text, config.insecure_http).ok())
                .collect(),
            tls: TlsFiles {
                ca: file(config.ca_file, "VAULT_CACERT"),
                certificate: file(config.client_cert_file, "VAULT_CLIENT_CERT"),
                key: file(config.client_key_file, "VAULT_CLIENT_KEY"),
            },
            proxies: ambient,
            namespace: config.namespace.or_else(|| variable("VAULT_NAMESPACE")),
            mount: config.mount,
            prefix: config.prefix,
            kv: if config.kv == 1 { Kv::V1 } else { Kv::V2 },
            paths: config
                .paths
                .into_iter()
                .filter_map(|(path, target)| path.parse().ok().map(|path| (path, target)))
                .collect(),
            login,
        }
    }
}

fn login(auth: AuthTable, context: &VaultContext) -> Login {
    let mount = auth.mount.unwrap_or_else(|| auth.method.name().to_owned());
    // What a method needs is there: settings with problems do not come this far.
    let file = |path: Option<PathBuf>| context.resolve(&path.unwrap_or_default());
    match auth.method {
        Method::Token => Login::Token(TokenSource::File(file(auth.token_file))),
        Method::Approle => Login::AppRole {
            mount,
            role_id: auth.role_id.unwrap_or_default(),
            secret_id: match (auth.secret_id_file, auth.secret_id_wrapped_file) {
                (None, Some(wrapped)) => SecretId::Wrapped(context.resolve(&wrapped)),
                (plain, _) => SecretId::File(file(plain)),
            },
        },
        Method::Kubernetes => Login::Kubernetes {
            mount,
            role: auth.role.unwrap_or_default(),
            jwt: file(Some(auth.jwt_file.unwrap_or_else(|| SERVICE_ACCOUNT_TOKEN.into()))),
        },
        Method::Jwt => Login::Jwt { mount, role: auth.role, jwt: file(auth.jwt_file) },
        Method::Cert => Login::Cert { mount, name: auth.name },
        Method::Userpass => Login::Userpass {
            mount,
            username: auth.username.unwrap_or_default(),
            password: file(auth.password_file),
        },
    }
}
