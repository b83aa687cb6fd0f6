//! The HTTP client of one vault: its TLS settings and redirects, with no implicit proxy and no timeout.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cofferdam_vault::{ErrorKind, HostResolver, Threads, VaultError};
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Certificate, Client, ClientBuilder, Identity, StatusCode};
use url::Origin;
use zeroize::Zeroizing;

use crate::dns::Resolver;
use crate::files;
use crate::settings::TlsFiles;

/// Maximum number of redirects of one request: from a standby to the active node, and one more if that node changes
/// meanwhile.
const MAX_REDIRECTS: usize = 2;

/// A client that is built on first use, and again when its files may have changed.
pub(crate) struct LazyClient {
    tls: Option<TlsFiles>,
    origins: Vec<Origin>,
    proxies: bool,
    threads: Threads,
    names: HostResolver,
    client: Mutex<Option<Client>>,
}

impl LazyClient {
    /// A client that reads `tls` (`None` for plain HTTP) and follows redirects to `origins`. It uses the proxies of the
    /// environment only if `proxies` is set. It reads files on `threads`, and resolves names with `names`.
    pub(crate) fn new(
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
    pub(crate) async fn get(&self) -> Result<Client, VaultError> {
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
    pub(crate) fn discard(&self) {
        if self.tls.as_ref().is_some_and(|tls| tls.ca.is_some() || tls.certificate.is_some()) {
            *self.lock() = None;
        }
    }

    fn builder(&self) -> ClientBuilder {
        let origins = self.origins.clone();
        let builder = Client::builder()
            .redirect(Policy::custom(move |attempt| redirect(attempt, &origins)))
            .referer(false)
            .dns_resolver(Resolver(self.names.clone()))
            // Keeps the server's certificate for `Client::certificate`.
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
            if let Some(path) = &tls.ca {
                let pem = files::read(path, "CA file")?;
                let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
                if certificates.is_empty() {
                    return Err(misconfigured(format!(
                        "the CA file {} contains no PEM certificate; put the CA's certificate into it",
                        path.display()
                    )));
                }
                builder = builder.tls_certs_only(certificates);
            }
            if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) {
                let certificates = files::read(certificate, "client certificate")?;
                let keys = files::read(key, "client key")?;
                let mut pem = Zeroizing::new(Vec::with_capacity(certificates.len() + keys.len() + 1));
                pem.extend_from_slice(&certificates);
                pem.push(b'\n');
                pem.extend_from_slice(&keys);
                let identity = Identity::from_pem(&pem).map_err(|_| {
                    misconfigured(format!(
                        "{} and {} are not a certificate and its private key in PEM; replace them with a matching pair",
                        certificate.display(),
                        key.display()
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
    use cofferdam_vault::NamesOf;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn the_server_is_reached_through_the_look_ups_of_the_vault() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let names = HostResolver::with_lookup(NamesOf::Vault("main".to_owned()), 1, move |host| {
            assert_eq!(host, "vault.example");
            Ok(vec![address])
        });
        let client = LazyClient::new(None, Vec::new(), false, Threads::new("main", 1), names);
        let url = format!("http://vault.example:{}", address.port());
        let request = client.get().await.unwrap().get(url).send();
        tokio::select! {
            accepted = listener.accept() => drop(accepted.unwrap()),
            ended = request => panic!("{ended:?}"),
        }
    }
}
