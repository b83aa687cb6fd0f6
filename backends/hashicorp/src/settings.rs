//! The settings that a vault works with: paths are resolved, and the environment is applied.

use std::collections::BTreeMap;

use cofferdam_vault::http::{Address, TlsFiles};
use cofferdam_vault::{ConfiguredFile, SecretPath, SecretString, VaultError};

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
    Kubernetes { role: String, jwt: ConfiguredFile },
    Jwt { role: Option<String>, jwt: ConfiguredFile },
    Cert { name: Option<String> },
    Userpass { username: String, password: ConfiguredFile },
}

impl AuthMethod {
    /// The file that a login reads; `None` if it reads none but the client certificate.
    pub(crate) fn file(&self) -> Option<&ConfiguredFile> {
        match self {
            Self::Token(TokenSource::File(file)) => Some(file),
            Self::Token(TokenSource::Variable(_)) | Self::None => None,
            Self::Login { credentials, .. } => match credentials {
                Credentials::AppRole { secret_id, .. } => match secret_id {
                    SecretIdSource::File(file) | SecretIdSource::Wrapped(file) => Some(file),
                },
                Credentials::Kubernetes { jwt: file, .. }
                | Credentials::Jwt { jwt: file, .. }
                | Credentials::Userpass { password: file, .. } => Some(file),
                Credentials::Cert { .. } => None,
            },
        }
    }

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
    File(ConfiguredFile),
    /// `VAULT_TOKEN`, with `ambient`.
    Variable(SecretString),
}

/// Where the secret ID of an AppRole comes from.
pub(crate) enum SecretIdSource {
    File(ConfiguredFile),
    /// A response-wrapping token, unwrapped once.
    Wrapped(ConfiguredFile),
}
