//! Accepts connections up to a limit, and closes them gracefully.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::connection::{Lifetime, serve_connection};
use super::registry::{PeerAtLimit, Registry};
use crate::os::is_out_of_descriptors;

/// The pause after a failed accept, for example because no file descriptor is free.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// The response to a connection that is refused. One of the machine's connections usually ends soon.
const REFUSED: &str = "HTTP/1.1 429 Too Many Requests\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 80\r\n\
    retry-after: 1\r\n\
    connection: close\r\n\
    \r\n\
    too many connections from this address, all of them in use; use fewer, or retry\n";

/// Serves `routes` until `closed` is cancelled and every connection has finished its current request.
///
/// Dropping the future drops all connections.
pub(in crate::http) async fn serve(
    listener: TcpListener,
    routes: Router,
    registry: Arc<Registry>,
    lifetime: Lifetime,
    closed: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = closed.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                // Without room, this one waits here and further ones in the accept queue of the system.
                let admitted = tokio::select! {
                    biased;
                    () = closed.cancelled() => break,
                    admitted = registry.admit(address.ip()) => admitted,
                };
                match admitted {
                    Ok(slot) => {
                        let routes = routes.clone();
                        connections.spawn(serve_connection(stream, routes, slot, lifetime, closed.clone()));
                    }
                    Err(PeerAtLimit) => refuse(stream),
                }
            }
            Err(error) if is_of_one_client(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                if is_out_of_descriptors(&error) {
                    registry.evict_one();
                }
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Whether the connection failed before it was accepted, and others can be accepted.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

/// Sends [`REFUSED`] if the system takes it at once, and closes the connection.
fn refuse(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        // A client that has gone need not learn why.
        let _ = stream.write(REFUSED.as_bytes());
    }
}
