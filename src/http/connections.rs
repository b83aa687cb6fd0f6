//! Connections: accepted up to a limit, with a limit on how long a request's head may take, and ended gracefully.
//!
//! `axum::serve` has neither limit, and a client that sends one byte a minute would hold its connection for ever.
//! HTTP/1.1 only: MCP clients gain nothing from HTTP/2 over loopback or behind a proxy, and it brings limits of its own.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
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

/// How long a request's head may take to arrive, and a kept connection may be idle. hyper's own default.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait after a connection could not be taken, for want of file descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Our own address as the client reached it.
#[derive(Debug, Clone, Copy)]
pub(super) struct LocalIp(pub(super) IpAddr);

/// Serves `routes` until `closed` is cancelled and every connection has then finished the request it is in.
/// Dropping the future drops the connections.
pub(super) async fn serve(
    listener: TcpListener,
    routes: Router,
    max_connections: usize,
    closed: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS)));
    let mut connections = JoinSet::new();
    loop {
        // Beyond the limit clients wait in the system's queue.
        let Ok(place) = (tokio::select! {
            biased;
            () = closed.cancelled() => break,
            place = places.clone().acquire_owned() => place,
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
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Asks the client of each answer to take its next request elsewhere, while the server drains: a connection that is kept
/// open would bring requests until the very end, and its last one would be lost.
pub(super) async fn leave(
    State(draining): State<CancellationToken>,
    request: Request<axum::body::Body>,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    if draining.is_cancelled() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn connection(stream: TcpStream, routes: Router, closed: CancellationToken) {
    // Without it a streamed answer waits 40 ms for the client's acknowledgement.
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
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closed.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    use super::*;

    /// What a client that has sent `sent`, and sends no more, is answered until its connection ends, and when that is.
    async fn ended(sent: &str) -> (String, Duration) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/", get(|| async { "here" }));
        let closed = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, routes, 1, closed.clone()));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(sent.as_bytes()).await.unwrap();
        let (start, mut answer) = (Instant::now(), String::new());
        client.read_to_string(&mut answer).await.unwrap();
        closed.cancel();
        serving.await.unwrap();
        (answer, start.elapsed())
    }

    // The clock jumps to the next timer whenever nothing is left to do.
    #[tokio::test(start_paused = true)]
    async fn a_client_that_dawdles_loses_its_connection() {
        let (answer, after) = ended("GET / HTTP/1.1\r\nhost: localhost\r\nx-slow: ").await;
        assert!(!answer.contains("200") && after >= HEAD_TIMEOUT, "{after:?}: {answer}");
        let (answer, after) = ended("").await;
        assert!(answer.is_empty() && after >= HEAD_TIMEOUT, "{after:?}: {answer}");
        let (answer, after) = ended("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        assert!(
            answer.ends_with("here") && after >= HEAD_TIMEOUT,
            "kept, but not for ever: {after:?}: {answer}"
        );
    }
}
