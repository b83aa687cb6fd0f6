//! Which services are trusted: the certificates of this machine's CAs, once per process.

use std::sync::Arc;

use cofferdam_vault::{Threads, VaultError};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::sync::OnceCell;

/// How many servers of a module resume TLS sessions. A module has few, and its own: no other module evicts them.
const RESUMED_SERVERS: usize = 4;
/// How many sessions rustls stores for one server.
const SESSIONS_PER_SERVER: usize = 8;

/// Why there are no TLS settings.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoTrust {
    /// The machine has no CA certificates, or they cannot be read.
    #[error("the CA certificates cannot be used: {0}; install the package ca-certificates")]
    Certificates(#[from] rustls::Error),
    /// No thread could be started to read them.
    #[error("the CA certificates cannot be read: {0}")]
    Thread(#[from] VaultError),
    /// The HTTP client rejects the settings.
    #[error("the HTTP client cannot be built: {0}")]
    Client(#[from] reqwest::Error),
}

/// The certificates of this machine's CAs, read on first use. Every module's client verifies with the same ones.
pub(super) struct Trust {
    tls: OnceCell<ClientConfig>,
    /// Reads the certificates, which blocks.
    threads: Threads,
}

impl Trust {
    pub(super) fn new() -> Self {
        Self { tls: OnceCell::new(), threads: Threads::new("certificates", 1) }
    }

    /// TLS settings for one module: as reqwest makes them by default, with the shared certificates.
    ///
    /// # Errors
    ///
    /// If the machine has no CA certificates. The next call tries again.
    pub(super) async fn tls(&self) -> Result<ClientConfig, NoTrust> {
        let read = async || Ok::<_, NoTrust>(self.threads.run(|| Ok(with_platform_verifier())).await??);
        let mut tls = self.tls.get_or_try_init(read).await?.clone();
        tls.resumption = Resumption::in_memory_sessions(RESUMED_SERVERS * SESSIONS_PER_SERVER);
        Ok(tls)
    }
}

fn with_platform_verifier() -> Result<ClientConfig, rustls::Error> {
    let mut tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    tls.alpn_protocols = vec!["h2".into(), "http/1.1".into()];
    Ok(tls)
}
