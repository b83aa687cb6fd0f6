//! The HTTP clients, and one exchange with a service: the request, its redirects, its answer.

use std::sync::OnceLock;
use std::time::Duration;

use http::header::{LINK, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use reqwest::{Client, Response, redirect};
use url::Url;

use super::address::{GuardedResolver, same_origin};
use super::build::Built;
use super::credential::Filled;
use super::failure::{CallFailure, Outcome};
use crate::registry::Effects;

/// A service that takes longer to accept a connection will not answer in time either.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Shorter than services keep idle connections, so that few requests meet one that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How many idle connections to one service are kept.
const IDLE_PER_HOST: usize = 32;
/// How often an idle or waiting HTTP/2 connection is asked whether it still lives: all calls to a service share one.
const ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// As many steps as a service needs to find its own resource.
const MAX_REDIRECTS: usize = 5;

/// The pooled clients, made when they are first needed. Plain `http` has its own: it must work on a machine that has
/// no certificates at all.
///
/// All modules share them. A pool keeps connections by origin and bounds only the idle ones, so no module waits for
/// another's connections; a client for each of a thousand modules would hold the certificate store a thousand times.
pub(super) struct Clients {
    resolver: fn() -> GuardedResolver,
    tls: OnceLock<Client>,
    plain: OnceLock<Client>,
}

impl Clients {
    pub(super) fn new(resolver: fn() -> GuardedResolver) -> Self {
        Self { resolver, tls: OnceLock::new(), plain: OnceLock::new() }
    }

    /// The client for `scheme`.
    ///
    /// # Errors
    ///
    /// [`CallFailure::Unreachable`] where the machine has no certificates to trust; the next call looks again.
    fn client(&self, scheme: &str) -> Result<&Client, CallFailure> {
        let plain = scheme == "http";
        let cell = if plain { &self.plain } else { &self.tls };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let builder = Client::builder()
            .user_agent(concat!("cofferdam/", env!("CARGO_PKG_VERSION")))
            .dns_resolver((self.resolver)())
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .http2_keep_alive_interval(ALIVE_INTERVAL)
            .http2_keep_alive_while_idle(true);
        let built = if plain { builder.http1_only().tls_certs_only([]) } else { builder }.build();
        match built {
            Ok(client) => Ok(cell.get_or_init(|| client)),
            Err(_) => Err(CallFailure::unreachable(
                "this machine has no certificates to trust; install its package of CA certificates".into(),
            )),
        }
    }
}

/// One exchange with a service.
pub(super) struct Exchange<'a> {
    pub(super) clients: &'a Clients,
    /// The service's name, for messages.
    pub(super) title: &'a str,
    pub(super) effects: Effects,
    pub(super) insecure_http: bool,
    pub(super) credential: &'a Filled,
}

impl Exchange<'_> {
    /// Sends the request, follows what redirects may be followed, and answers with the response and the address that
    /// gave it, which holds no credential.
    ///
    /// # Errors
    ///
    /// Where the service cannot be reached, or sends the request elsewhere.
    pub(super) async fn send(&self, built: &Built) -> Result<(Response, Url), CallFailure> {
        let mut url = built.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.once(built, &url).await?;
            let Some(target) = self.target(&response, &url, &built.method)? else {
                return Ok((response, url));
            };
            url = target;
        }
        Err(self.stopped(StatusCode::FOUND, &format!("more than {MAX_REDIRECTS} times onwards")))
    }

    async fn once(&self, built: &Built, url: &Url) -> Result<Response, CallFailure> {
        let client = self.clients.client(url.scheme())?;
        let mut url = url.clone();
        let mut headers = built.headers.clone();
        self.credential.put(&mut url, &mut headers, self.insecure_http)?;
        let mut request = client.request(built.method.clone(), url).headers(headers);
        if let Some(body) = &built.body {
            request = request.body(body.clone());
        }
        request.send().await.map_err(|error| CallFailure::broken(self.title, &error, self.effects))
    }

    /// Where a redirect leads; `None` where the response is none.
    fn target(&self, response: &Response, url: &Url, method: &Method) -> Result<Option<Url>, CallFailure> {
        let status = response.status();
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let Some(mut target) = location.and_then(|location| url.join(location).ok()) else {
            return Err(self.stopped(status, "onwards without saying where"));
        };
        let followed = matches!(*method, Method::GET | Method::HEAD) && same_origin(url, &target);
        target.set_fragment(None);
        if followed && target.username().is_empty() && target.password().is_none() {
            return Ok(Some(target));
        }
        target.set_query(None);
        // Neither fails for an address with a host, and one without has neither.
        let _ = target.set_username("").and_then(|()| target.set_password(None));
        Err(self.stopped(status, &format!("on to {target}")))
    }

    fn stopped(&self, status: StatusCode, whither: &str) -> CallFailure {
        // 307 and 308 ask for the same request again, so it was not carried out.
        let outcome = if matches!(status.as_u16(), 307 | 308) {
            Outcome::Rejected
        } else {
            Outcome::after_sending(self.effects)
        };
        CallFailure::Upstream {
            status: status.as_u16(),
            message: format!(
                "{} answered {} and sent the request {whither}; only reads are followed, and only on the same host",
                self.title,
                status.as_u16()
            ),
            outcome,
        }
    }
}

/// The `Link` headers with commas between them.
pub(super) fn links(headers: &HeaderMap) -> String {
    let links: Vec<&str> = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).collect();
    links.join(", ")
}
