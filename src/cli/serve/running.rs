//! A server that runs: what `serve` and `demo` start alike.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::compose::App;
use super::super::exit::CommandError;
use crate::broker::Broker;
use crate::http::{Server, check_bind};

/// Who may reach the server while callers are not authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Exposure {
    /// This machine only.
    LoopbackOnly,
    /// Whoever gets there: the operator said so.
    Anywhere,
}

/// A running server. Dropping it stops it without waiting for anything.
#[derive(Debug)]
pub(in crate::cli) struct Running {
    /// Where callers are served.
    pub(in crate::cli) address: SocketAddr,
    /// Where the operator is served.
    pub(in crate::cli) admin_address: SocketAddr,
    broker: Arc<Broker>,
    shutdown: DropGuard,
    served: JoinHandle<()>,
}

impl Running {
    /// Takes the profile's addresses and serves on them from then on; no vault has been looked at yet.
    ///
    /// # Errors
    ///
    /// A usage failure for an address beyond loopback; else where an address cannot be had.
    pub(in crate::cli) async fn start(app: &App, exposure: Exposure) -> Result<Self, CommandError> {
        let settings = &app.server;
        for address in [settings.listen, settings.admin_listen] {
            check_bind(address, exposure == Exposure::Anywhere)
                .map_err(|refused| CommandError::usage(refused.to_string(), ""))?;
        }
        let server = Server::bind(settings, app.calls.clone())
            .await
            .map_err(|error| CommandError::failure(error.to_string(), ""))?;
        let (address, admin_address) = (server.address(), server.admin_address());
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(server.run(shutdown.clone()));
        let broker = app.calls.broker().clone();
        Ok(Self { address, admin_address, broker, shutdown: shutdown.drop_guard(), served })
    }

    /// Looks at every vault once, each within its own time-out, so that its state can be shown.
    pub(in crate::cli) async fn look_at_vaults(&self) {
        self.broker.start().await;
    }

    /// Drains as [`Server::run`] says, and closes the vaults.
    pub(in crate::cli) async fn stop(self) {
        drop(self.shutdown);
        // A panic in the server's loop has been logged where it happened; the vaults are closed all the same.
        let _ = self.served.await;
        self.broker.close().await;
    }
}
