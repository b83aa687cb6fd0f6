//! The settings that a vault works with: paths are resolved, and the environment is applied.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cofferdam_vault::{SecretPath, SecretString, VaultError};

use crate::address::Address;

/// The resolved settings.
pub(crate) struct Settings {
    /// The server, or the error of an address that the environment lacks or has in an invalid form.
    pub(crate) address: Result<Address, VaultError>,
    pub(crate) redirects: Vec<Address>,
    pub(crate) tls: TlsFiles,
    /// Whether the proxies of the environment are used.
    pub(crate) proxies: bool,
    /// The variables of the environment that settings were taken from.
    pub(crate) variables: Vec<&'static str>,
    pub(crate) namespace: Option<String>,
    pub(crate) mount: String,
    pub(crate) prefix: Option<String>,
    pub(crate) kv: KvVersion,
    pub(crate) paths: BTreeMap<SecretPath, String>,
    pub(crate) auth: AuthMethod,
}

/// The version of the key-value engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KvVersion {
    V1,
    V2,
}

/// The files of the TLS settings.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsFiles {
    pub(crate) ca: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

/// How to get a token.
pub(crate) enum AuthMethod {
    /// Use a token that was issued elsewhere.
    Token(TokenSource),
    /// Log in with credentials at this mount below `auth/`.
    Login { mount: String, credentials: Credentials },
    /// Neither the profile nor the environment configures a login.
    None,
}

/// The credentials of a login, with the files to read for it.
pub(crate) enum Credentials {
    AppRole { role_id: String, secret_id: SecretIdSource },
    Kubernetes { role: String, jwt: PathBuf },
    Jwt { role: Option<String>, jwt: PathBuf },
    Cert { name: Option<String> },
    Userpass { username: String, password: PathBuf },
}

impl AuthMethod {
    /// The name of the method in a profile.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Token(_) | Self::None => "token",
            Self::Login { credentials, .. } => match credentials {
                Credentials::AppRole { .. } => "approle",
                Credentials::Kubernetes { .. } => "kubernetes",
                Credentials::Jwt { .. } => "jwt",
                Credentials::Cert { .. } => "cert",
                Credentials::Userpass { .. } => "userpass",
            },
        }
    }
}

/// Where a token comes from.
pub(crate) enum TokenSource {
    File(PathBuf),
    /// `VAULT_TOKEN`, with `ambient`.
    Variable(SecretString),
}

/// Where the secret ID of an AppRole comes from.
pub(crate) enum SecretIdSource {
    File(PathBuf),
    /// A response-wrapping token, unwrapped once.
    Wrapped(PathBuf),
}
