//! A server that is asked with a token from a file: what most stores with a REST API are.

use std::path::Path;
use std::time::SystemTime;

use cofferdam_config::Diagnostics;
use http::{HeaderMap, StatusCode, header};

use super::address::Address;
use super::certificates::{diagnose_certificate, diagnose_certificate_files};
use super::client::{HttpClient, HttpSettings};
use super::error;
use super::message::{Request, Response};
use super::pem::Pem;
use super::token_file::TokenFile;
use super::transport::TlsFiles;
use crate::{ConfiguredFile, ErrorKind, Protection, Threads, VaultContext, VaultError};

/// The keys with which a profile names a server and the file with the token for it: `address`, `insecure_http`,
/// `token_file` and `ca_file`.
#[derive(Debug, Clone, Copy)]
pub struct ServerKeys<'a> {
    /// The base URL.
    pub address: &'a str,
    /// Whether the address may use plain HTTP beyond loopback.
    pub insecure_http: bool,
    /// The file with the token.
    pub token_file: &'a Path,
    /// The CA certificates to verify the server with. `None`: the system's.
    pub ca_file: Option<&'a Path>,
}

impl ServerKeys<'_> {
    /// Everything that is wrong with these keys by themselves.
    pub fn check(&self) -> Diagnostics {
        let mut found = Diagnostics::new();
        found.take(self.parse());
        found.extend(ConfiguredFile::check("token_file", self.token_file));
        found.extend(self.ca_file.and_then(|path| ConfiguredFile::check("ca_file", path)));
        found
    }

    /// The address in one spelling, for a [`StoreIdentity`](crate::StoreIdentity).
    pub fn server(&self) -> Option<String> {
        self.parse().ok().map(|address| address.base)
    }

    fn parse(&self) -> Result<Address, cofferdam_config::Diagnostic> {
        Address::parse("address", self.address, self.insecure_http)
    }
}

/// Sends requests with `Authorization: Bearer` and a token from a file. Follows no redirect and uses no proxy.
pub struct TokenClient {
    /// The error of an address that [`ServerKeys::check`] refuses.
    http: Result<HttpClient, VaultError>,
    token: TokenFile,
    tls: TlsFiles,
    threads: Threads,
    location: String,
    product: &'static str,
}

impl TokenClient {
    /// A client for `keys`. Opens nothing. Messages call what should be at the address `product`.
    pub fn new(keys: ServerKeys<'_>, product: &'static str, context: &VaultContext) -> Self {
        let file =
            |path: &Path, name, protection| ConfiguredFile::new(context.resolve(path), name, protection);
        let token = file(keys.token_file, "the token file", Protection::Secrecy);
        let ca = keys.ca_file.map(|path| file(path, "the CA file", Protection::Integrity));
        let tls = TlsFiles { ca: ca.map(Pem::from), ..TlsFiles::default() };
        let settings =
            |address| HttpSettings { address, redirects: Vec::new(), tls: tls.clone(), proxies: false };
        let http = keys
            .parse()
            .map(|address| HttpClient::new(settings(address), context))
            .map_err(|invalid| VaultError::vault(ErrorKind::Misconfigured, invalid.to_string()));
        Self {
            location: http.as_ref().map_or("no address", HttpClient::location).to_owned(),
            http,
            token: TokenFile::new(token, context.threads.clone()),
            tls,
            threads: context.threads.clone(),
            product,
        }
    }

    /// The address, fit for a log.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// What a login is made with, for [`VaultInfo::sources`](crate::VaultInfo::sources).
    pub fn sources(&self) -> Vec<String> {
        self.files().map(ToString::to_string).collect()
    }

    /// Sends `request` with the token, and returns a response whose status is about the request: not a redirect, 401, 429
    /// or 5xx.
    ///
    /// # Errors
    ///
    /// Those of [`HttpClient::send`] and [`from_status`](super::from_status), and `Unauthenticated` (vault) for 401: the
    /// next attempt reads the file again.
    pub async fn send(&self, request: &Request) -> Result<Response, VaultError> {
        let http = self.http.as_ref().map_err(Clone::clone)?;
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, self.token.header().await?.value());
        let response = http.send(request, headers).await?;
        match error::from_status(&self.location, &response) {
            Some(error) => Err(error),
            None if response.status == StatusCode::UNAUTHORIZED => Err(VaultError::vault(
                ErrorKind::Unauthenticated,
                format!(
                    "{} rejects the token (401); put a valid one into {}",
                    self.location,
                    self.token.file().path().display()
                ),
            )),
            None => Ok(response),
        }
    }

    /// The error of a response to `what` that is not the product's.
    pub fn malformed(&self, what: &str) -> VaultError {
        error::malformed(&self.location, what, self.product)
    }

    /// Diagnoses who else can read or change the files, and when the token and the certificates expire. `request` is one
    /// that the server answers without a login.
    pub async fn diagnose(&self, request: &Request, found: &mut Diagnostics) {
        let files = self.files().cloned().collect();
        found.extend(ConfiguredFile::diagnose(files, &self.threads).await);
        found.extend(self.token.diagnose(SystemTime::now()).await);
        found.extend(diagnose_certificate_files(self.tls.clone(), &self.threads).await);
        if let Ok(http) = &self.http {
            found.extend(diagnose_certificate(http, request).await);
        }
    }

    fn files(&self) -> impl Iterator<Item = &ConfiguredFile> {
        std::iter::once(self.token.file()).chain(self.tls.ca.as_ref().and_then(Pem::file))
    }

    /// Closes the connections.
    pub fn close(&self) {
        if let Ok(http) = &self.http {
            http.close();
        }
    }
}
