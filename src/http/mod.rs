//! Routes, middleware and health over axum.
//!
//! Two listeners: one for callers (`/mcp`, `/healthz`, `/readyz` in counts), one for the operator (`/readyz` in full,
//! `/metrics`). Every route of both stands behind the same check of `Host` and `Origin` ([`guard`]).

mod bind;
mod caller;
mod connections;
mod endpoint;
mod guard;
mod health;
mod metrics;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use rmcp::ServerHandler;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

pub use bind::{BindError, BindRefused, callable, check_bind};

use crate::calls::Calls;
use crate::mcp::Handler;
use crate::profile::ServerSettings;
use guard::Guard;
use health::Health;

/// How many connections there may be besides one for each call: for health routes, and for clients that keep idle ones.
const SPARE_CONNECTIONS: usize = 1024;

/// How many connections the operator's listener takes.
const ADMIN_CONNECTIONS: usize = 64;

/// How long answers that are ready at the very end of a shutdown have to leave.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The HTTP server, bound and not yet serving.
#[derive(Debug)]
pub struct Server {
    public: Bound,
    admin: Bound,
    draining: CancellationToken,
    stop: CancellationToken,
    drain_delay: Duration,
    shutdown_timeout: Duration,
    max_connections: usize,
}

#[derive(Debug)]
struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    routes: Router,
}

impl Server {
    /// Takes both addresses of `settings`; port 0 takes a free one.
    ///
    /// Whether an address may be taken at all is [`check_bind`]'s question.
    ///
    /// # Errors
    ///
    /// Where an address cannot be had.
    pub async fn bind(settings: &ServerSettings, calls: Arc<Calls>) -> Result<Self, BindError> {
        let stop = CancellationToken::new();
        let handler = Handler::for_http(calls.clone(), settings.call_timeout, stop.clone());
        Self::bind_with(handler, settings, calls, stop).await
    }

    /// Binds with another handler of MCP requests: the stack does not depend on it. `stop` ends the calls that outlast a
    /// shutdown.
    ///
    /// # Errors
    ///
    /// As [`Server::bind`].
    pub async fn bind_with<H: ServerHandler + Clone>(
        handler: H,
        settings: &ServerSettings,
        calls: Arc<Calls>,
        stop: CancellationToken,
    ) -> Result<Self, BindError> {
        let draining = CancellationToken::new();
        let health = Health { calls, draining: draining.clone() };
        let guard = Guard::new(&settings.allowed_hosts, &settings.allowed_origins);
        let public = Router::new()
            .route("/mcp", post(endpoint::post::<H>).with_state(endpoint::service(handler)))
            .layer(from_fn(caller::identify))
            .route("/healthz", get(health::alive))
            .route("/readyz", get(health::counts).with_state(health.clone()))
            .layer(from_fn_with_state(draining.clone(), connections::leave));
        let admin = Router::new()
            .route("/healthz", get(health::alive))
            .route("/readyz", get(health::details).with_state(health.clone()))
            .route("/metrics", get(metrics::write).with_state(health));
        Ok(Self {
            public: Bound::new(settings.listen, "--listen", guarded(public, &guard)).await?,
            admin: Bound::new(settings.admin_listen, "--admin-listen", guarded(admin, &guard)).await?,
            draining,
            stop,
            drain_delay: settings.drain_delay,
            shutdown_timeout: settings.shutdown_timeout,
            max_connections: settings.max_calls.saturating_add(SPARE_CONNECTIONS),
        })
    }

    /// Where callers are served.
    pub fn address(&self) -> SocketAddr {
        self.public.address
    }

    /// Where the operator is served.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address
    }

    /// Serves until `shutdown` is cancelled, and then drains:
    ///
    /// 1. For the profile's `drain_delay` everything is still served, but `/readyz` says `draining` and each answer asks
    ///    its client to leave: who sends us connections learns of the shutdown from `/readyz`, or later than we do.
    /// 2. No connection is taken any more, and what is in flight has `shutdown_timeout` to finish.
    /// 3. What has not finished is answered `cancelled`.
    pub async fn run(self, shutdown: CancellationToken) {
        let (closed, ended) = (CancellationToken::new(), CancellationToken::new());
        let public = connections::serve(
            self.public.listener,
            self.public.routes,
            self.max_connections,
            closed.clone(),
        );
        let admin =
            connections::serve(self.admin.listener, self.admin.routes, ADMIN_CONNECTIONS, ended.clone());
        let public = async {
            tokio::pin!(public);
            tokio::select! {
                () = &mut public => {}
                () = shutdown.cancelled() => {
                    self.draining.cancel();
                    // It ends by itself only once it is closed.
                    let _ = tokio::time::timeout(self.drain_delay, &mut public).await;
                    closed.cancel();
                    if tokio::time::timeout(self.shutdown_timeout, &mut public).await.is_err() {
                        self.stop.cancel();
                        let _ = tokio::time::timeout(LAST_WORDS, public).await;
                    }
                }
            }
            ended.cancel();
        };
        // The operator's listener answers until the drain is over.
        let admin = async {
            tokio::pin!(admin);
            tokio::select! {
                () = &mut admin => {}
                () = ended.cancelled() => {
                    let _ = tokio::time::timeout(LAST_WORDS, admin).await;
                }
            }
        };
        tokio::join!(public, admin);
    }
}

impl Bound {
    async fn new(wanted: SocketAddr, flag: &'static str, routes: Router) -> Result<Self, BindError> {
        let refused = |source| BindError { wanted, flag, source };
        let listener = TcpListener::bind(wanted).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address, routes })
    }
}

/// What stands before every route, from outside in: a panic answers 500, and nobody gets past a wrong `Host`.
fn guarded(routes: Router, guard: &Guard) -> Router {
    routes.layer(from_fn_with_state(guard.clone(), guard::check)).layer(CatchPanicLayer::new())
}

#[cfg(test)]
mod tests;
