//! The HTTP clients of one module.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use cofferdam_vault::{HostResolver, NamesOf};
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};
use reqwest::{Client, redirect};

use super::coding;
use super::resolver::GuardedResolver;
use super::trust::{NoTrust, Trust};

/// A service that takes longer to accept a connection will not answer in time either. The look-up of its name counts.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Shorter than services keep idle connections, so that few requests use one that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How many idle connections to one service are kept.
const IDLE_PER_HOST: usize = 32;
/// The files that a look-up of a name has open at once: a socket, and a file such as `hosts`.
const FILES_PER_LOOKUP: usize = 2;
/// How often an HTTP/2 connection is pinged: all calls of a module to a service share one.
const ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// The most header fields of a response: more than services and the proxies before them send. Parsing reserves them all.
const MAX_HEADERS: usize = 256;
/// The most bytes of the header fields of a response over HTTP/2. Over HTTP/1 it is about as many.
const MAX_HEADER_BYTES: u32 = 256 * 1024;

/// The pooled clients of one module, built on first use. Plain `http` has its own client, because it must work on a
/// machine without CA certificates.
///
/// No other module shares them: not their connections, not their look-ups of names. What a client costs is shared: the
/// [`Trust`] has the certificates.
pub struct Clients {
    resolver: GuardedResolver,
    tls: OnceLock<Client>,
    plain: OnceLock<Client>,
}

impl Clients {
    /// The clients of `module`, which look up at most this many names at once.
    pub fn new(module: &str, lookups: u32) -> Self {
        let lookups = usize::try_from(lookups).unwrap_or(usize::MAX);
        Self::with_resolver(HostResolver::new(NamesOf::Module(module.to_owned()), lookups))
    }

    /// Clients that look up names with `resolver`.
    pub(super) fn with_resolver(resolver: HostResolver) -> Self {
        let resolver = GuardedResolver::new(resolver, CONNECT_TIMEOUT);
        Self { resolver, tls: OnceLock::new(), plain: OnceLock::new() }
    }

    /// The most files that are open beside those of running calls, which are at most `in_flight`: idle connections to so
    /// many services, and look-ups of names.
    pub(crate) fn max_idle_files(&self, services: usize, in_flight: usize) -> usize {
        let idle = services.saturating_mul(IDLE_PER_HOST.min(in_flight));
        idle.saturating_add(self.resolver.max().saturating_mul(FILES_PER_LOOKUP))
    }

    /// The client for `scheme`.
    ///
    /// # Errors
    ///
    /// If the machine has no CA certificates. The next call tries again.
    pub(super) async fn client(&self, scheme: &str, trust: &Trust) -> Result<&Client, NoTrust> {
        let plain = scheme == "http";
        let cell = if plain { &self.plain } else { &self.tls };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let builder = Client::builder()
            .user_agent(concat!("cofferdam/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(self.resolver.clone())
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .http2_keep_alive_interval(ALIVE_INTERVAL)
            .http2_keep_alive_while_idle(true)
            .http1_max_headers(MAX_HEADERS)
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .default_headers(HeaderMap::from_iter([(
                ACCEPT_ENCODING,
                HeaderValue::from_static(coding::ACCEPTED),
            )]));
        let builder = match plain {
            true => builder.http1_only().tls_certs_only([]),
            false => builder.tls_backend_preconfigured(trust.tls().await?),
        };
        let client = builder.build().map_err(NoTrust::from)?;
        Ok(cell.get_or_init(|| client))
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("resolver", &self.resolver).finish_non_exhaustive()
    }
}
