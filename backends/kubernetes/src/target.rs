//! A server with a login.

use cofferdam_vault::http::{Address, TlsFiles};
use cofferdam_vault::{ConfiguredFile, SecretString};

/// A server with a login.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) address: Address,
    pub(crate) tls: TlsFiles,
    pub(crate) login: Login,
    /// The namespace that applies if the settings name none.
    pub(crate) namespace: String,
}

/// How requests log in, besides the client certificate.
#[derive(Debug, Clone)]
pub(crate) enum Login {
    /// With the client certificate alone.
    Certificate,
    /// With a token that is part of the kubeconfig.
    Token(SecretString),
    /// With a token in a file, which is read for each request.
    File(ConfiguredFile),
}
