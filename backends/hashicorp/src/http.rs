//! The HTTP client of one vault: its TLS, its redirects, and no proxy or time-out that nobody asked for.

use std::sync::{Mutex, PoisonError};

use cofferdam_vault::{ErrorKind, Threads, VaultError};
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Certificate, Client, ClientBuilder, Identity, StatusCode};
use url::Origin;
use zeroize::Zeroizing;

use crate::files;
use crate::settings::TlsFiles;

/// How many redirects one request follows: from a standby to the active node, and once more when that moves meanwhile.
const MAX_REDIRECTS: usize = 2;

/// Makes the client when it is first needed, and anew when its files may have changed.
pub(crate) struct Http {
    tls: Option<TlsFiles>,
    origins: Vec<Origin>,
    proxies: bool,
    threads: Threads,
    made: Mutex<Option<Client>>,
}

impl Http {
    /// A client that reads `tls` (nothing for plain `http`), follows redirects to `origins`, and uses the proxies of the
    /// environment only where `proxies` is set.
    pub(crate) fn new(tls: Option<TlsFiles>, origins: Vec<Origin>, proxies: bool, threads: Threads) -> Self {
        Self { tls, origins, proxies, threads, made: Mutex::new(None) }
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// Where its files cannot be read or hold no certificates and keys.
    pub(crate) async fn client(&self) -> Result<Client, VaultError> {
        if let Some(client) = &*self.lock() {
            return Ok(client.clone());
        }
        let (tls, builder) = (self.tls.clone(), self.builder());
        // Reading the system's certificates blocks too.
        let client = self.threads.run(move || build(builder, tls)).await?;
        // Of two that were made at once, the one that is kept is the one that all later calls share.
        Ok(self.lock().get_or_insert(client).clone())
    }

    /// Forgets the client, so that the next call reads the files anew: after a failed connection, and at a login.
    pub(crate) fn forget(&self) {
        if self.tls.as_ref().is_some_and(|tls| tls.ca.is_some() || tls.certificate.is_some()) {
            *self.lock() = None;
        }
    }

    fn builder(&self) -> ClientBuilder {
        let origins = self.origins.clone();
        let builder = Client::builder()
            .redirect(Policy::custom(move |attempt| redirect(attempt, &origins)))
            .referer(false)
            // Keeps the server's certificate at hand, for the closer look.
            .tls_info(true)
            // Answers hold secrets, and compressed ones say by their length how alike two are.
            .gzip(false);
        if self.proxies { builder } else { builder.no_proxy() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Client>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows only what keeps method and body, and only to listed addresses: the token goes along.
fn redirect(attempt: Attempt<'_>, origins: &[Origin]) -> Action {
    let keeps = matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    if keeps && attempt.previous().len() <= MAX_REDIRECTS && origins.contains(&attempt.url().origin()) {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

fn build(mut builder: ClientBuilder, tls: Option<TlsFiles>) -> Result<Client, VaultError> {
    match tls {
        // Nothing to verify, so nothing to load.
        None => builder = builder.tls_certs_only([]),
        Some(tls) => {
            if let Some(path) = &tls.ca {
                let pem = files::read(path, "file of certificate authorities")?;
                let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
                if certificates.is_empty() {
                    return Err(misconfigured(format!("{} holds no certificate in PEM", path.display())));
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
                        "{} and {} are no certificate and private key in PEM",
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
            "the TLS settings fit no client: does the client key belong to its certificate?".to_owned(),
        )
    })
}

fn misconfigured(message: String) -> VaultError {
    VaultError::vault(ErrorKind::Misconfigured, message)
}
