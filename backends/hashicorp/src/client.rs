//! Sends one request with the headers that Vault needs, and returns one response.
//!
//! The crate `vaultrs` is not used, for three reasons. It drops what this backend needs: response headers (`Retry-After`)
//! and leases. It exposes what must stay secret: it logs the server's error messages, its settings print the token, and its
//! token header is not marked as sensitive and panics on a token with a line break. And it cannot turn off redirects and the
//! proxies of the environment.

use std::time::Duration;

use cofferdam_config::Diagnostic;
use cofferdam_vault::http::{
    HeaderMap, HeaderValue, HttpClient, HttpSettings, Request, Response, SecretHeader, diagnose_certificate,
};
use cofferdam_vault::{ErrorKind, VaultContext, VaultError};

use crate::endpoint;
use crate::settings::Settings;

/// Timeout of the vault's own tasks: a login, a renewal, a read that creates a lease. They outlive the caller that
/// started them, so no caller's timeout ends them. Longer than any attempt, so that a slow login finishes instead of
/// being repeated.
pub(crate) const TASK_TIMEOUT: Duration = Duration::from_secs(30);

/// Sends requests to one server.
pub(crate) struct Client {
    /// The error of an address that is missing or invalid.
    http: Result<HttpClient, VaultError>,
    namespace: Option<String>,
}

/// The namespace that a request is sent to. `sys/health` exists in the root namespace only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespace {
    /// The namespace of the settings.
    Configured,
    Root,
}

impl Client {
    pub(crate) fn new(settings: &Settings, context: &VaultContext) -> Self {
        let client = |address| {
            let (redirects, tls) = (settings.redirects.clone(), settings.tls.clone());
            HttpClient::new(HttpSettings { address, redirects, tls, proxies: settings.proxies }, context)
        };
        Self { http: settings.address.clone().map(client), namespace: settings.namespace.clone() }
    }

    /// Makes the next request read certificates and keys again.
    pub(crate) fn reload_files(&self) {
        if let Ok(http) = &self.http {
            http.reload_files();
        }
    }

    /// Sends `request` and returns the response, whatever its status.
    ///
    /// # Errors
    ///
    /// If there is no response, or one that is too large.
    pub(crate) async fn send(
        &self,
        request: &Request,
        token: Option<&SecretHeader>,
        namespace: Namespace,
    ) -> Result<Response, VaultError> {
        let http = self.http.as_ref().map_err(Clone::clone)?;
        http.send(request, self.headers(token, namespace)?).await
    }

    /// Diagnoses the server's certificate.
    pub(crate) async fn diagnose_certificate(&self) -> Option<Diagnostic> {
        diagnose_certificate(self.http.as_ref().ok()?, &endpoint::health()).await
    }

    fn headers(&self, token: Option<&SecretHeader>, namespace: Namespace) -> Result<HeaderMap, VaultError> {
        let mut headers = HeaderMap::new();
        // Agents and proxies of Vault require this header, so that a browser cannot forge requests through them.
        headers.insert("x-vault-request", HeaderValue::from_static("true"));
        if let Some(token) = token {
            headers.insert("x-vault-token", token.value());
        }
        if let (Some(name), Namespace::Configured) = (&self.namespace, namespace) {
            let value = HeaderValue::from_str(name).map_err(|_| {
                VaultError::vault(
                    ErrorKind::Misconfigured,
                    "the namespace contains characters that an HTTP header cannot hold; correct `namespace`",
                )
            })?;
            headers.insert("x-vault-namespace", value);
        }
        Ok(headers)
    }
}
