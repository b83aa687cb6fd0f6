//! Sends one request and returns one response.
//!
//! The crate `vaultrs` is not used, for three reasons. It drops what this backend needs: response headers (`Retry-After`)
//! and leases. It exposes what must stay secret: it logs the server's error messages, its settings print the token, and its
//! token header is not marked as sensitive and panics on a token with a line break. And it cannot turn off redirects and the
//! proxies of the environment.

use std::time::Duration;

use bytes::Bytes;
use cofferdam_vault::{ErrorKind, VaultContext, VaultError};
use http::{HeaderMap, HeaderValue, header};
use reqwest::RequestBuilder;
use reqwest::tls::TlsInfo;
use url::{Origin, Url};
use zeroize::Zeroizing;

use crate::address::Address;
use crate::endpoint::{self, Request};
use crate::error;
use crate::http::LazyClient;
use crate::response::Response;
use crate::settings::Settings;
use crate::token::TokenHeader;

/// Timeout of the vault's own tasks: a login, a renewal, a read that creates a lease. They outlive the caller that
/// started them, so no caller's timeout ends them. Longer than any attempt, so that a slow login finishes instead of
/// being repeated.
pub(crate) const TASK_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum size of a response. Vault stores no secret larger than 1 MiB.
const MAX_RESPONSE_BYTES: usize = 2 * 1024 * 1024;

/// Maximum size of a listing. One of 100,000 names is smaller. No call of a module needs one.
const MAX_LIST_BYTES: usize = 16 * 1024 * 1024;

/// Sends requests to one server.
pub(crate) struct Client {
    address: Result<Address, VaultError>,
    namespace: Option<String>,
    http: LazyClient,
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
        let own = settings.address.as_ref().ok();
        let origins: Vec<Origin> = match settings.redirects.is_empty() {
            true => Vec::new(),
            // A listed node may redirect back to `address`.
            false => settings.redirects.iter().chain(own).filter_map(Address::origin).collect(),
        };
        // A redirect may lead from plain HTTP to a server with TLS.
        let tls = own.into_iter().chain(&settings.redirects).any(|address| address.tls);
        let tls = tls.then(|| settings.tls.clone());
        let (threads, names) = (context.threads.clone(), context.host_resolver());
        Self {
            address: settings.address.clone(),
            namespace: settings.namespace.clone(),
            http: LazyClient::new(tls, origins, settings.proxies, threads, names),
        }
    }

    /// Makes the next request read certificates and keys again.
    pub(crate) fn reload_files(&self) {
        self.http.discard();
    }

    /// Sends `request` and returns the response, whatever its status.
    ///
    /// # Errors
    ///
    /// If there is no response, or one that is too large.
    pub(crate) async fn send(
        &self,
        request: &Request,
        token: Option<&TokenHeader>,
        namespace: Namespace,
    ) -> Result<Response, VaultError> {
        let address = self.address.as_ref().map_err(Clone::clone)?;
        let prepared = self.prepare(address, request, token, namespace).await?;
        let limit = if request.is_list() { MAX_LIST_BYTES } else { MAX_RESPONSE_BYTES };
        let response = async {
            let response = prepared.send().await?;
            let retry_after =
                response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            let (status, retry_after) =
                (response.status(), retry_after.and_then(cofferdam_vault::retry_after));
            Ok(collect(response, limit).await?.map(|body| Response { status, retry_after, body }))
        };
        match response.await {
            Ok(Some(response)) => Ok(response),
            Ok(None) => {
                let message =
                    format!("the response of {} is larger than {limit} bytes; check `address`", address.base);
                Err(VaultError::vault(ErrorKind::Malformed, message))
            }
            Err(failure) => {
                self.http.discard();
                Err(error::from_transport(&address.base, &failure))
            }
        }
    }

    /// The server's certificate in DER. `None` without TLS, and if the server does not respond, which the probe reports.
    pub(crate) async fn certificate(&self) -> Option<Vec<u8>> {
        let address = self.address.as_ref().ok().filter(|address| address.tls)?;
        let prepared = self.prepare(address, &endpoint::health(), None, Namespace::Root).await.ok()?;
        let response = prepared.send().await.ok()?;
        response.extensions().get::<TlsInfo>()?.peer_certificate().map(<[u8]>::to_vec)
    }

    async fn prepare(
        &self,
        address: &Address,
        request: &Request,
        token: Option<&TokenHeader>,
        namespace: Namespace,
    ) -> Result<RequestBuilder, VaultError> {
        let mut url = Url::parse(&format!("{}/v1", address.base)).map_err(|_| invalid_url())?;
        // Encodes each segment for its place, and drops `.` and `..`.
        url.path_segments_mut().map_err(|()| invalid_url())?.extend(request.path.split('/'));
        url.set_query(request.query.as_deref());
        let client = self.http.get().await?;
        let prepared = client
            .request(request.method.clone(), url)
            .headers(self.headers(token, namespace)?)
            .body(Bytes::from_owner(request.body.clone()));
        Ok(match &address.user {
            Some(user) => prepared.basic_auth(user, None::<&str>),
            None => prepared,
        })
    }

    fn headers(&self, token: Option<&TokenHeader>, namespace: Namespace) -> Result<HeaderMap, VaultError> {
        let mut headers = HeaderMap::new();
        // Agents and proxies of Vault require this header, so that a browser cannot forge requests through them.
        headers.insert("x-vault-request", HeaderValue::from_static("true"));
        if let Some(TokenHeader(value)) = token {
            headers.insert("x-vault-token", value.clone());
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

fn invalid_url() -> VaultError {
    VaultError::vault(
        ErrorKind::Misconfigured,
        "the settings do not form a valid URL; check `mount`, `prefix` and `paths`",
    )
}

/// The whole body, or `None` if it is too large. Its chunks are joined in one buffer that never grows.
async fn collect(
    mut response: reqwest::Response,
    limit: usize,
) -> reqwest::Result<Option<Zeroizing<Vec<u8>>>> {
    let (mut chunks, mut length): (Vec<Bytes>, usize) = (Vec::new(), 0);
    while let Some(chunk) = response.chunk().await? {
        length += chunk.len();
        if length > limit {
            return Ok(None);
        }
        chunks.push(chunk);
    }
    let mut body = Zeroizing::new(Vec::with_capacity(length));
    for chunk in chunks {
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}
