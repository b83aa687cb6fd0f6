//! The HTTP server: its listeners, routes and middleware, and its graceful shutdown.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use rmcp::ServerHandler;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::util::{MapRequestLayer, MapResponseLayer};
use tower_http::catch_panic::CatchPanicLayer;

use super::bind::BindError;
use super::connections::{self, ConnectionBudget, Lifetime, RAISE_DESCRIPTORS, Registry};
use super::endpoint::{self, Endpoint};
use super::guard::{self, Guard};
use super::health::{self, Health};
use super::identify::identify;
use super::metrics::{self, Metrics};
use crate::calls::Calls;
use crate::mcp::Handler;
use crate::os::descriptor_limit;
use crate::profile::{AccessSettings, ServerSettings};

/// The grace period in which the responses of cancelled calls are sent at the end of a shutdown.
const GRACE_PERIOD: Duration = Duration::from_secs(1);

/// The HTTP server, bound but not yet serving.
///
/// It has two listeners: one for callers (`/mcp`, `/healthz`, `/readyz` with counts) and one for the operator (`/healthz`,
/// `/readyz` with details, `/metrics`).
#[derive(Debug)]
pub struct Server {
    public: Bound,
    admin: Bound,
    draining: CancellationToken,
    stop: CancellationToken,
    drain_delay: Duration,
    shutdown_timeout: Duration,
    lifetime: Lifetime,
}

#[derive(Debug)]
struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    routes: Router,
    connections: Arc<Registry>,
}

impl Server {
    /// Binds both addresses of `settings`. Port 0 selects a free port.
    ///
    /// The number of connections is bounded by the soft limit of open files of this process. If the profile may need
    /// more, that is logged.
    ///
    /// Does not check that the addresses are loopback; see [`check_bind`](super::check_bind).
    ///
    /// # Errors
    ///
    /// Returns an error if an address cannot be bound.
    pub async fn bind(
        settings: &ServerSettings,
        access: &AccessSettings,
        calls: Arc<Calls>,
    ) -> Result<Self, BindError> {
        let stop = CancellationToken::new();
        let handler = Handler::for_http(calls.clone(), settings.call_timeout, stop.clone());
        let endpoint = Endpoint::new(handler.clone(), calls.memory().clone()).with_calls(handler);
        Self::bind_endpoint(endpoint, settings, access, calls, stop).await
    }

    /// Like [`Server::bind`], with any handler. `stop` cancels the calls that exceed the shutdown timeout.
    ///
    /// # Errors
    ///
    /// Returns an error if an address cannot be bound.
    pub async fn bind_with_handler<H: ServerHandler + Clone>(
        handler: H,
        settings: &ServerSettings,
        access: &AccessSettings,
        calls: Arc<Calls>,
        stop: CancellationToken,
    ) -> Result<Self, BindError> {
        let endpoint = Endpoint::new(handler, calls.memory().clone());
        Self::bind_endpoint(endpoint, settings, access, calls, stop).await
    }

    async fn bind_endpoint<H: ServerHandler + Clone>(
        endpoint: Endpoint<H>,
        settings: &ServerSettings,
        access: &AccessSettings,
        calls: Arc<Calls>,
        stop: CancellationToken,
    ) -> Result<Self, BindError> {
        let budget = ConnectionBudget::new(settings, &calls, descriptor_limit().soft);
        log_shortage(&budget);
        let public_connections = connections::public(&budget, &access.trusted_proxies);
        let admin_connections = connections::admin(&access.trusted_proxies);
        let counted = [public_connections.clone(), admin_connections.clone()];
        let metrics = Metrics { calls: calls.clone(), connections: counted };
        let draining = CancellationToken::new();
        let health = Health { calls, draining: draining.clone() };
        let guard = Guard::new(&settings.allowed_hosts, &settings.allowed_origins);
        let public = Router::new()
            .route("/mcp", post(endpoint::post::<H>).with_state(Arc::new(endpoint)))
            .layer(MapRequestLayer::new(identify))
            .route("/healthz", get(health::alive))
            .route("/readyz", get(health::summary).with_state(health.clone()))
            .layer(MapResponseLayer::new({
                let draining = draining.clone();
                move |response| connections::close_while_draining(response, &draining)
            }));
        let admin = Router::new()
            .route("/healthz", get(health::alive))
            .route("/readyz", get(health::details).with_state(health))
            .route("/metrics", get(metrics::metrics).with_state(metrics));
        let public_routes = guarded(public, &guard);
        let admin_routes = guarded(admin, &guard);
        Ok(Self {
            public: Bound::new(settings.listen, "--listen", public_routes, public_connections).await?,
            admin: Bound::new(settings.admin_listen, "--admin-listen", admin_routes, admin_connections)
                .await?,
            draining,
            stop,
            drain_delay: settings.drain_delay,
            shutdown_timeout: settings.shutdown_timeout,
            lifetime: Lifetime::new(settings.connection_age, settings.call_timeout),
        })
    }

    /// Returns the address for callers.
    pub fn address(&self) -> SocketAddr {
        self.public.address
    }

    /// Returns the address for the operator.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address
    }

    /// Serves until `shutdown` is cancelled, then shuts down gracefully:
    ///
    /// 1. For `drain_delay` requests are still served, but `/readyz` reports `draining` and each response closes its
    ///    connection. This gives load balancers the time to notice.
    /// 2. The server stops accepting connections. Requests in flight have `shutdown_timeout` to finish.
    /// 3. Calls that have not finished are cancelled; their result is `cancelled`.
    pub async fn run(self, shutdown: CancellationToken) {
        let (closed, public_ended) = (CancellationToken::new(), CancellationToken::new());
        let public = self.public.serve(self.lifetime, closed.clone());
        let admin = self.admin.serve(self.lifetime, public_ended.clone());
        let public = async {
            tokio::pin!(public);
            tokio::select! {
                () = &mut public => {}
                () = shutdown.cancelled() => {
                    self.draining.cancel();
                    // `public` does not end before it is closed, so this waits for the full delay.
                    let _ = tokio::time::timeout(self.drain_delay, &mut public).await;
                    closed.cancel();
                    if tokio::time::timeout(self.shutdown_timeout, &mut public).await.is_err() {
                        self.stop.cancel();
                        let _ = tokio::time::timeout(GRACE_PERIOD, public).await;
                    }
                }
            }
            public_ended.cancel();
        };
        // The operator's listener serves until the shutdown of the other one is complete.
        let admin = async {
            tokio::pin!(admin);
            tokio::select! {
                () = &mut admin => {}
                () = public_ended.cancelled() => {
                    let _ = tokio::time::timeout(GRACE_PERIOD, admin).await;
                }
            }
        };
        tokio::join!(public, admin);
    }
}

impl Bound {
    async fn new(
        address: SocketAddr,
        flag: &'static str,
        routes: Router,
        connections: Arc<Registry>,
    ) -> Result<Self, BindError> {
        let failed = |source| BindError { address, flag, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, routes, connections })
    }

    async fn serve(self, lifetime: Lifetime, closed: CancellationToken) {
        connections::serve(self.listener, self.routes, self.connections, lifetime, closed).await;
    }
}

/// Logs that there are fewer descriptors than the profile may need.
fn log_shortage(budget: &ConnectionBudget) {
    if let Some(shortage) = budget.shortage() {
        tracing::warn!("{shortage}; {RAISE_DESCRIPTORS}");
    }
}

/// Wraps `routes` in the middleware of every route, outermost first: a panic returns 500, and the guard rejects other hosts.
pub(super) fn guarded(routes: Router, guard: &Guard) -> Router {
    // As one layer, because each is boxed for each request. The first is the outermost.
    routes.layer((CatchPanicLayer::new(), from_fn_with_state(guard.clone(), guard::check)))
}
