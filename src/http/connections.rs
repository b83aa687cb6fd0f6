//! Accepts connections up to a limit, with a timeout for the head of a request, and closes them gracefully.
//!
//! `axum::serve` has neither limit, and a client that sends one byte a minute would keep its connection open indefinitely.
//! Only HTTP/1.1 is served: MCP clients gain nothing from HTTP/2 over loopback or behind a proxy, and it would need limits of
//! its own.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::middleware::Next;
use axum::response::Response;
use http::header::CONNECTION;
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// The timeout for the head of a request, and for an idle connection. The default of hyper.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The pause after a failed accept, for example because no file descriptor is free.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// The local IP address of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct LocalIp(pub(super) IpAddr);

/// Serves `routes` until `closed` is cancelled and every connection has finished its current request.
///
/// Dropping the future drops all connections.
pub(super) async fn serve(
    listener: TcpListener,
    routes: Router,
    max_connections: usize,
    closed: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS)));
    let mut connections = JoinSet::new();
    loop {
        // Without a permit, clients wait in the accept queue of the system.
        let Ok(permit) = (tokio::select! {
            biased;
            () = closed.cancelled() => break,
            permit = permits.clone().acquire_owned() => permit,
        }) else {
            break;
        };
        let accepted = tokio::select! {
            biased;
            () = closed.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = connection(stream, routes.clone(), closed.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Middleware that adds `Connection: close` to each response while the server drains.
///
/// A client would otherwise send further requests on a kept connection until it is closed, and lose the last one.
pub(super) async fn close_while_draining(
    State(draining): State<CancellationToken>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    if draining.is_cancelled() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn connection(stream: TcpStream, routes: Router, closed: CancellationToken) {
    // With Nagle's algorithm a streamed response would wait up to 40 ms for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else { return };
    let local = LocalIp(local.ip().to_canonical());
    let routes = routes.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(local);
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = closed.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection failed");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    use super::*;

    /// Sends `sent` and nothing more. Returns the response, and the time until the connection was closed.
    async fn send(sent: &str) -> (String, Duration) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/", get(|| async { "here" }));
        let closed = CancellationToken::new();
        let server = tokio::spawn(serve(listener, routes, 1, closed.clone()));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(sent.as_bytes()).await.unwrap();
        let (start, mut response) = (Instant::now(), String::new());
        client.read_to_string(&mut response).await.unwrap();
        closed.cancel();
        server.await.unwrap();
        (response, start.elapsed())
    }

    // The paused clock advances to the next timer whenever all tasks are idle.
    #[tokio::test(start_paused = true)]
    async fn a_slow_client_loses_its_connection() {
        let (response, after) = send("GET / HTTP/1.1\r\nhost: localhost\r\nx-slow: ").await;
        assert!(!response.contains("200") && after >= HEAD_TIMEOUT, "{after:?}: {response}");
        let (response, after) = send("").await;
        assert!(response.is_empty() && after >= HEAD_TIMEOUT, "{after:?}: {response}");
        let (response, after) = send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        assert!(
            response.ends_with("here") && after >= HEAD_TIMEOUT,
            "kept alive, but only until the timeout: {after:?}: {response}"
        );
    }
}
