//! The HTTP server while it runs. Shared by `serve` and `demo`.

use std::net::SocketAddr;
use std::sync::Arc;

use cofferdam_config::text;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::compose::App;
use super::exit::CommandError;
use crate::broker::Broker;
use crate::http::{Server, check_bind};

/// The addresses that the server may listen on, given that callers are not authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListenScope {
    /// Loopback addresses.
    Loopback,
    /// Any address. The operator asked for it.
    Any,
}

/// A running server. Dropping it stops the server at once, without draining.
#[derive(Debug)]
pub(super) struct RunningServer {
    /// The address for callers.
    pub(super) address: SocketAddr,
    /// The address for the operator.
    pub(super) admin_address: SocketAddr,
    broker: Arc<Broker>,
    shutdown: DropGuard,
    task: JoinHandle<()>,
}

impl RunningServer {
    /// Binds the addresses of the profile and starts to serve. Does not probe the vaults.
    ///
    /// # Errors
    ///
    /// Returns a usage error if `scope` does not allow an address, and a failure if an address cannot be bound.
    pub(super) async fn start(app: &App, scope: ListenScope) -> Result<Self, CommandError> {
        let settings = &app.server;
        for address in [settings.listen, settings.admin_listen] {
            check_bind(address, scope == ListenScope::Any)
                .map_err(|error| CommandError::usage(text!("{error}"), ""))?;
        }
        let server = Server::bind(settings, &app.access, app.calls.clone())
            .await
            .map_err(|error| CommandError::failure(text!("{error}"), ""))?;
        let (address, admin_address) = (server.address(), server.admin_address());
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(server.run(shutdown.clone()));
        let broker = app.calls.broker().clone();
        Ok(Self { address, admin_address, broker, shutdown: shutdown.drop_guard(), task })
    }

    /// Probes every vault once, each within its own timeout, so that their states are known.
    pub(super) async fn probe_vaults(&self) {
        self.broker.start().await;
    }

    /// Drains as [`Server::run`] describes, then closes the vaults.
    pub(super) async fn stop(self) {
        drop(self.shutdown);
        // A panic in the server has been logged by the panic hook. The vaults must be closed nevertheless.
        let _ = self.task.await;
        self.broker.close().await;
    }
}
