//! The HTTP client of one vault: its TLS settings and redirects, with no implicit proxy and no timeout.

use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Certificate, Client, ClientBuilder, Identity, StatusCode};
use url::Origin;
use zeroize::Zeroizing;

use super::dns::Resolver;
use super::pem::Pem;
use crate::{ErrorKind, HostResolver, Threads, VaultError};

/// The certificates and keys of the TLS settings. Absent: the system's CAs, and no client certificate.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    /// The CA certificates to verify the server with, in PEM; no other CA is trusted then.
    pub ca: Option<Pem>,
    /// The client certificate in PEM. Used with `key` only.
    pub certificate: Option<Pem>,
    /// The private key of `certificate` in PEM.
    pub key: Option<Pem>,
}

/// Maximum number of redirects of one request: from a standby to the active node of a cluster, and one more if that
/// node changes meanwhile.
const MAX_REDIRECTS: usize = 2;

/// A client that is built on first use, and again when its files may have changed.
pub(super) struct Transport {
    tls: Option<TlsFiles>,
    origins: Vec<Origin>,
    proxies: bool,
    threads: Threads,
    names: HostResolver,
    client: Mutex<Option<Client>>,
}

impl Transport {
    /// A client that reads `tls` (`None` for plain HTTP) and follows redirects to `origins`. It uses the proxies of the
    /// environment only if `proxies` is set. It reads files on `threads`, and resolves names with `names`.
    pub(super) fn new(
        tls: Option<TlsFiles>,
        origins: Vec<Origin>,
        proxies: bool,
        threads: Threads,
        names: HostResolver,
    ) -> Self {
        Self { tls, origins, proxies, threads, names, client: Mutex::new(None) }
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// If its files cannot be read, or hold no certificates and keys.
    pub(super) async fn get(&self) -> Result<Client, VaultError> {
        if let Some(client) = &*self.lock() {
            return Ok(client.clone());
        }
        let (tls, builder) = (self.tls.clone(), self.builder());
        // Reading the system's certificates blocks too.
        let client = self.threads.run(move || build(builder, tls)).await?;
        // If two callers build a client concurrently, all later calls share the one that is stored.
        Ok(self.lock().get_or_insert(client).clone())
    }

    /// Discards the client, so that the next call reads the files again: after a failed connection, and at a login.
    pub(super) fn discard(&self) {
        if self.tls.as_ref().is_some_and(|tls| tls.ca.is_some() || tls.certificate.is_some()) {
            self.close();
        }
    }

    /// Closes idle connections. A later call opens new ones.
    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    fn builder(&self) -> ClientBuilder {
        let origins = self.origins.clone();
        let builder = Client::builder()
            .redirect(Policy::custom(move |attempt| redirect(attempt, &origins)))
            .referer(false)
            // A request that is dropped closes its connection. With HTTP/2, one that no longer responds would stay in use
            // for every later request.
            .http1_only()
            .dns_resolver(Resolver(self.names.clone()))
            // Keeps the server's certificate for `HttpClient::certificate`.
            .tls_info(true);
        if self.proxies { builder } else { builder.no_proxy() }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Client>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows a redirect that preserves method and body and leads to a listed address, because the token is sent there.
fn redirect(attempt: Attempt<'_>, origins: &[Origin]) -> Action {
    let preserves =
        matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    if preserves && attempt.previous().len() <= MAX_REDIRECTS && origins.contains(&attempt.url().origin()) {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

fn build(mut builder: ClientBuilder, tls: Option<TlsFiles>) -> Result<Client, VaultError> {
    match tls {
        // There is nothing to verify, so no certificates are loaded.
        None => builder = builder.tls_certs_only([]),
        Some(tls) => {
            if let Some(ca) = &tls.ca {
                let pem = ca.read()?;
                let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
                if certificates.is_empty() {
                    return Err(misconfigured(format!(
                        "{ca} contains no PEM certificate; put the CA's certificate into it"
                    )));
                }
                builder = builder.tls_certs_only(certificates);
            }
            if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) {
                let (certificates, keys) = (certificate.read()?, key.read()?);
                let mut pem = Zeroizing::new(Vec::with_capacity(certificates.len() + keys.len() + 1));
                pem.extend_from_slice(&certificates);
                pem.push(b'\n');
                pem.extend_from_slice(&keys);
                let identity = Identity::from_pem(&pem).map_err(|_| {
                    misconfigured(format!(
                        "{certificate} and {key} are not a certificate and its private key in PEM; replace them with a \
                         matching pair"
                    ))
                })?;
                builder = builder.identity(identity);
            }
        }
    }
    builder.build().map_err(|_| {
        misconfigured(
            "the TLS settings are rejected; check that the client key belongs to the client certificate"
                .to_owned(),
        )
    })
}

fn misconfigured(message: String) -> VaultError {
    VaultError::vault(ErrorKind::Misconfigured, message)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::NamesOf;

    #[tokio::test]
    async fn the_server_is_reached_through_the_look_ups_of_the_vault() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let names = HostResolver::with_lookup(NamesOf::Vault("main".to_owned()), 1, move |host| {
            assert_eq!(host, "vault.example");
            Ok(vec![address])
        });
        let client = Transport::new(None, Vec::new(), false, Threads::new("main", 1), names);
        let url = format!("http://vault.example:{}", address.port());
        let request = client.get().await.unwrap().get(url).send();
        tokio::select! {
            accepted = listener.accept() => drop(accepted.unwrap()),
            ended = request => panic!("{ended:?}"),
        }
    }
}
