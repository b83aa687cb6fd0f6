//! One request, one answer: `vaultrs`'s endpoints over a client of our own.
//!
//! `vaultrs`'s own client is not used, for it drops what this backend has to know and shows what nobody may see: it keeps
//! no header of an answer (`Retry-After`) and no lease; it logs the server's error texts; its settings print the token,
//! its token header is not marked as sensitive and panics on a token with a line break; redirects and the environment's
//! proxies cannot be turned off. Its endpoints (paths, methods, bodies) are what is shared here.

use std::time::Duration;

use bytes::Bytes;
use cofferdam_vault::{ErrorKind, ExposeSecret as _, SecretString, VaultError};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::tls::TlsInfo;
use reqwest::{RequestBuilder, Response};
use rustify::Endpoint;
use url::Origin;
use vaultrs::api::sys::requests::ReadHealthRequest;
use zeroize::Zeroizing;

use crate::address::Address;
use crate::error;
use crate::http::Http;
use crate::settings::Settings;

/// The largest answer that is read: Vault keeps no secret of more than 1 MiB, and a listing of 100,000 names is smaller.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Stands in for the server's address where `rustify` wants one: only path and query of what it makes are used.
const PLACEHOLDER: &str = "http://vault";

/// Sends requests to one server.
pub(crate) struct Client {
    address: Result<Address, VaultError>,
    namespace: Option<String>,
    http: Http,
}

/// A token, ready to be sent. Its text is wiped when the last clone goes; `Debug` prints none of it.
#[derive(Clone, Debug)]
pub(crate) struct Token(HeaderValue);

impl Token {
    /// The token that `text` spells.
    ///
    /// # Errors
    ///
    /// `Malformed` where no header can hold it.
    pub(crate) fn new(text: &SecretString) -> Result<Self, VaultError> {
        let owner = Zeroizing::new(text.expose_secret().as_bytes().to_vec());
        let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(owner)).map_err(|_| {
            VaultError::vault(
                ErrorKind::Malformed,
                "the token holds what no HTTP header can hold; log in anew",
            )
        })?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

/// What the server said.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// Whether a request goes to the vault's namespace. `sys/health` must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespace {
    Ours,
    Root,
}

impl Client {
    pub(crate) fn new(settings: &Settings, threads: cofferdam_vault::Threads) -> Self {
        let own = settings.address.as_ref().ok();
        let origins: Vec<Origin> = match settings.redirects.is_empty() {
            true => Vec::new(),
            // A listed node may send back to the address that was asked first.
            false => settings.redirects.iter().chain(own).filter_map(Address::origin).collect(),
        };
        // A redirect may lead from plain http to a server with TLS.
        let tls = own.into_iter().chain(&settings.redirects).any(|address| address.tls);
        Self {
            address: settings.address.clone(),
            namespace: settings.namespace.clone(),
            http: Http::new(tls.then(|| settings.tls.clone()), origins, settings.proxies, threads),
        }
    }

    /// Reads certificates and keys anew for the next request.
    pub(crate) fn reread_files(&self) {
        self.http.forget();
    }

    /// Sends `endpoint`, and answers whatever comes: judging the status is the caller's.
    ///
    /// # Errors
    ///
    /// Where there is no answer, or one too large.
    pub(crate) async fn send(
        &self,
        endpoint: &impl Endpoint,
        token: Option<&Token>,
        namespace: Namespace,
    ) -> Result<Answer, VaultError> {
        let address = self.address.as_ref().map_err(Clone::clone)?;
        let request = self.request(address, endpoint, token, namespace).await?;
        let answer = async {
            let response = request.send().await?;
            let (status, retry_after) = (response.status(), retry_after(response.headers()));
            Ok(collect(response).await?.map(|body| Answer { status, retry_after, body }))
        };
        match answer.await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => {
                let message = format!("{} answers more than {MAX_ANSWER_BYTES} bytes", address.base);
                Err(VaultError::vault(ErrorKind::Malformed, message))
            }
            Err(failure) => {
                self.http.forget();
                Err(error::unanswered(&address.base, &failure))
            }
        }
    }

    /// The certificate that the server shows, in DER; `None` without TLS, and where there is no answer, which others tell.
    pub(crate) async fn certificate(&self) -> Option<Vec<u8>> {
        let address = self.address.as_ref().ok().filter(|address| address.tls)?;
        let health = ReadHealthRequest::default();
        let request = self.request(address, &health, None, Namespace::Root).await.ok()?;
        let response = request.send().await.ok()?;
        response.extensions().get::<TlsInfo>()?.peer_certificate().map(<[u8]>::to_vec)
    }

    async fn request(
        &self,
        address: &Address,
        endpoint: &impl Endpoint,
        token: Option<&Token>,
        namespace: Namespace,
    ) -> Result<RequestBuilder, VaultError> {
        let request = endpoint.request(PLACEHOLDER).map_err(|_| unsendable())?;
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().filter(|query| !query.is_empty());
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        let url = format!("{}/v1{}{query}", address.base, parts.uri.path());
        let client = self.http.client().await?;
        let request = client
            .request(parts.method, url)
            .headers(self.headers(token, namespace)?)
            .body(Bytes::from_owner(Zeroizing::new(body)));
        Ok(match &address.user {
            Some(user) => request.basic_auth(user, None::<&str>),
            None => request,
        })
    }

    fn headers(&self, token: Option<&Token>, namespace: Namespace) -> Result<HeaderMap, VaultError> {
        let mut headers = HeaderMap::new();
        // What agents and proxies of Vault ask for, so that no request forged by a browser gets through them.
        headers.insert("x-vault-request", HeaderValue::from_static("true"));
        if let Some(Token(value)) = token {
            headers.insert("x-vault-token", value.clone());
        }
        if let (Some(name), Namespace::Ours) = (&self.namespace, namespace) {
            let value = HeaderValue::from_str(name).map_err(|_| {
                VaultError::vault(
                    ErrorKind::Misconfigured,
                    "the namespace holds what no HTTP header can hold",
                )
            })?;
            headers.insert("x-vault-namespace", value);
        }
        Ok(headers)
    }
}

fn unsendable() -> VaultError {
    VaultError::vault(
        ErrorKind::Misconfigured,
        "the settings make no address; check `mount`, `prefix` and `paths`",
    )
}

/// The whole body, or `None` where it is too large. Its parts are joined in one buffer that never grows.
async fn collect(mut response: Response) -> reqwest::Result<Option<Zeroizing<Vec<u8>>>> {
    let (mut parts, mut length): (Vec<Bytes>, usize) = (Vec::new(), 0);
    while let Some(part) = response.chunk().await? {
        length += part.len();
        if length > MAX_ANSWER_BYTES {
            return Ok(None);
        }
        parts.push(part);
    }
    let mut body = Zeroizing::new(Vec::with_capacity(length));
    for part in parts {
        body.extend_from_slice(&part);
    }
    Ok(Some(body))
}

/// `Retry-After` in seconds; the form with a date is none that Vault sends.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
