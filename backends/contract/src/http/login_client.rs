//! A server that is asked with access tokens from another server.

use std::sync::Arc;

use http::{HeaderMap, StatusCode, header};

use super::access_token::AccessToken;
use super::address::Address;
use super::client::{HttpClient, HttpSettings};
use super::error;
use super::message::{Request, Response};
use super::token_cache::TokenCache;
use super::transport::TlsFiles;
use crate::{BoxFuture, ErrorKind, VaultContext, VaultError};

/// How a vault gets an access token.
pub trait Login: Send + Sync + 'static {
    /// Logs in once. Files are read at each login, so a new credential is used at once.
    fn login(self: Arc<Self>) -> BoxFuture<'static, Result<AccessToken, VaultError>>;

    /// Closes idle connections.
    fn close(&self);
}

/// Sends requests with the access token of one login, which all of them share.
///
/// A token that the server rejects with 401 is discarded, so that the next attempt logs in again.
pub struct LoginClient {
    http: HttpClient,
    login: Arc<dyn Login>,
    tokens: TokenCache,
}

impl LoginClient {
    /// A client for the server at `address` with the CAs of the system. Opens nothing. It uses the proxies of the
    /// environment only if `proxies` is set.
    pub fn new(address: Address, proxies: bool, login: Arc<dyn Login>, context: &VaultContext) -> Self {
        let settings = HttpSettings { address, redirects: Vec::new(), tls: TlsFiles::default(), proxies };
        Self { http: HttpClient::new(settings, context), login, tokens: TokenCache::default() }
    }

    /// The address, fit for a log.
    pub fn location(&self) -> &str {
        self.http.location()
    }

    /// Sends `request` with the token, and returns a response whose status is about the request: not a redirect, 401, 429
    /// or 5xx.
    ///
    /// # Errors
    ///
    /// Those of the login, of [`HttpClient::send`] and of [`from_status`](super::from_status), and `Unauthenticated`
    /// (vault) for 401.
    pub async fn send(&self, request: &Request) -> Result<Response, VaultError> {
        let token = self.tokens.get(|| Arc::clone(&self.login).login()).await?;
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, token.header());
        let response = self.http.send(request, headers).await?;
        if response.status == StatusCode::UNAUTHORIZED {
            self.tokens.reject(&token);
            let message = format!(
                "{} rejects the access token (401); check the login, and this machine's clock",
                self.location()
            );
            return Err(VaultError::vault(ErrorKind::Unauthenticated, message));
        }
        match error::from_status(self.location(), &response) {
            Some(error) => Err(error),
            None => Ok(response),
        }
    }

    /// Closes the connections, and discards the token.
    pub fn close(&self) {
        self.tokens.clear();
        self.login.close();
        self.http.close();
    }
}
