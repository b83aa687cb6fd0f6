//! Sends one request and returns one response.

use bytes::Bytes;
use http::{HeaderMap, header};
use reqwest::RequestBuilder;
use reqwest::tls::TlsInfo;
use url::{Origin, Url};
use zeroize::Zeroizing;

use super::address::Address;
use super::error;
use super::lines::LineReader;
use super::message::{Request, Response, retry_after};
use super::transport::{TlsFiles, Transport};
use crate::{ErrorKind, VaultContext, VaultError};

/// How the server of a vault is reached.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The server.
    pub address: Address,
    /// Where it may redirect to, with 307 and 308. Empty: nowhere.
    pub redirects: Vec<Address>,
    /// The certificates and keys.
    pub tls: TlsFiles,
    /// Whether the proxies of the environment are used.
    pub proxies: bool,
}

/// Sends requests to the server of one vault.
pub struct HttpClient {
    address: Address,
    transport: Transport,
}

impl HttpClient {
    /// A client for the vault of `context`. Opens nothing.
    pub fn new(settings: HttpSettings, context: &VaultContext) -> Self {
        let HttpSettings { address, redirects, tls, proxies } = settings;
        let origins: Vec<Origin> = match redirects.is_empty() {
            true => Vec::new(),
            // A listed server may redirect back to `address`.
            false => redirects.iter().chain([&address]).filter_map(Address::origin).collect(),
        };
        // A redirect may lead from plain HTTP to a server with TLS.
        let tls = redirects.iter().chain([&address]).any(|address| address.tls).then_some(tls);
        let (threads, names) = (context.threads.clone(), context.host_resolver());
        Self { address, transport: Transport::new(tls, origins, proxies, threads, names) }
    }

    /// The address, fit for a log.
    pub fn location(&self) -> &str {
        &self.address.base
    }

    /// Makes the next request read certificates and keys again.
    pub fn reload_files(&self) {
        self.transport.discard();
    }

    /// Closes idle connections.
    pub fn close(&self) {
        self.transport.close();
    }

    /// Sends `request` with `headers` and returns the response, whatever its status.
    ///
    /// # Errors
    ///
    /// With scope vault: `Misconfigured` if a file of the settings cannot be used or TLS fails, `Unavailable` if there is no
    /// response, `Malformed` if it is too large.
    pub async fn send(&self, request: &Request, headers: HeaderMap) -> Result<Response, VaultError> {
        let prepared = self.prepare(request, headers).await?;
        let response = async {
            let response = prepared.send().await?;
            let (status, retry_after) = (response.status(), retry_after(response.headers()));
            let body = collect(response, request.max_bytes).await?;
            Ok(body.map(|body| Response { status, retry_after, body }))
        };
        match response.await {
            Ok(Some(response)) => Ok(response),
            Ok(None) => Err(error::too_large(&self.address.base, request.max_bytes)),
            Err(failure) => {
                self.transport.discard();
                Err(error::from_transport(&self.address.base, &failure))
            }
        }
    }

    /// Sends `request` with `headers` and returns the response as soon as its head has arrived, whatever its status. The
    /// request's bound does not apply: the reader takes one for each line.
    ///
    /// # Errors
    ///
    /// As [`HttpClient::send`].
    pub async fn open(&self, request: &Request, headers: HeaderMap) -> Result<LineReader, VaultError> {
        match self.prepare(request, headers).await?.send().await {
            Ok(response) => Ok(LineReader::new(&self.address.base, response)),
            Err(failure) => {
                self.transport.discard();
                Err(error::from_transport(&self.address.base, &failure))
            }
        }
    }

    /// The server's certificate in DER, as it is when `request` is sent. `None` without TLS, and if the server does not
    /// respond.
    pub(super) async fn certificate(&self, request: &Request) -> Option<Vec<u8>> {
        if !self.address.tls {
            return None;
        }
        let response = self.prepare(request, HeaderMap::new()).await.ok()?.send().await.ok()?;
        response.extensions().get::<TlsInfo>()?.peer_certificate().map(<[u8]>::to_vec)
    }

    async fn prepare(&self, request: &Request, headers: HeaderMap) -> Result<RequestBuilder, VaultError> {
        let mut url = Url::parse(&self.address.base).map_err(|_| invalid_url())?;
        // Encodes each segment for its place, and drops `.` and `..`.
        let mut segments = url.path_segments_mut().map_err(|()| invalid_url())?;
        segments.pop_if_empty().extend(request.path.split('/'));
        drop(segments);
        url.set_query(request.query.as_deref());
        let prepared = self
            .transport
            .get()
            .await?
            .request(request.method.clone(), url)
            .headers(headers)
            .body(Bytes::from_owner(request.body.clone()));
        let prepared = match request.content_type {
            Some(content_type) => prepared.header(header::CONTENT_TYPE, content_type),
            None => prepared,
        };
        Ok(match &self.address.user {
            Some(user) => prepared.basic_auth(user, None::<&str>),
            None => prepared,
        })
    }
}

fn invalid_url() -> VaultError {
    VaultError::vault(
        ErrorKind::Misconfigured,
        "the settings do not form a valid URL; check `address` and the names in the profile",
    )
}

/// The whole body, or `None` if it is too large. Its chunks are joined in one buffer that never grows.
async fn collect(
    mut response: reqwest::Response,
    max_bytes: usize,
) -> reqwest::Result<Option<Zeroizing<Vec<u8>>>> {
    let (mut chunks, mut length): (Vec<Bytes>, usize) = (Vec::new(), 0);
    while let Some(chunk) = response.chunk().await? {
        length += chunk.len();
        if length > max_bytes {
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
