//! One connection, from its first request to its end.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::activity::{Activity, ReceivedBody, TrackedBody};
use super::progress::{PROGRESS_TIMEOUT, ProgressStream};
use super::registry::Slot;
use super::tally::Event;

/// The timeout for the head of a request, and for an idle connection. The default of hyper.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The part of its age by which a connection may be closed earlier, so that not all clients connect again at once.
const AGE_JITTER: f64 = 0.1;

/// The local IP address of a connection.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct LocalIp(pub(in crate::http) IpAddr);

/// How long a connection may last.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Lifetime {
    /// The connection is closed after this time, and after the request that is in progress then.
    age: Duration,
    /// The connection is dropped if it has not ended after this further time.
    grace: Duration,
}

impl Lifetime {
    /// A request may start at the end of `age`, and then take `call_timeout` before its response is written.
    pub(in crate::http) fn new(age: Duration, call_timeout: Duration) -> Self {
        Self { age, grace: call_timeout.saturating_add(HEAD_TIMEOUT).saturating_add(PROGRESS_TIMEOUT) }
    }
}

/// Serves `routes` on `stream` until the client leaves, the connection is evicted or too old, or `closed` is cancelled and
/// the current request is finished.
pub(super) async fn serve_connection(
    stream: TcpStream,
    routes: Router,
    slot: Slot,
    lifetime: Lifetime,
    closed: CancellationToken,
) {
    // With Nagle's algorithm a streamed response would wait up to 40 ms for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else { return };
    let local = LocalIp(local.ip().to_canonical());
    let activity = Activity::new(slot);
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(local);
        let (routes, activity) = (routes.clone(), Arc::clone(&activity));
        async move {
            if activity.request_started(!request.body().is_end_stream()).is_err() {
                // The request must not start, since this task is about to drop the connection.
                std::future::pending::<()>().await;
            }
            let request = request.map(|body| ReceivedBody::new(body, Arc::clone(&activity)));
            let response = routes.oneshot(request).await?;
            Ok::<_, Infallible>(response.map(|body| TrackedBody::new(body, activity)))
        }
    });
    let stream = ProgressStream::new(stream, Arc::clone(&activity));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let end = sleep(lifetime.age.mul_f64(1.0 - AGE_JITTER * fastrand::f64()));
    tokio::pin!(end);
    let (mut draining, mut aged) = (false, false);
    let result = loop {
        tokio::select! {
            // An evicted connection must not start a request.
            biased;
            () = activity.evicted() => return,
            result = connection.as_mut() => break result,
            () = closed.cancelled(), if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
            () = end.as_mut() => {
                if aged {
                    tracing::debug!("connection dropped: it did not end in time");
                    return;
                }
                aged = true;
                activity.count(Event::Aged);
                connection.as_mut().graceful_shutdown();
                end.set(sleep(lifetime.grace));
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection failed");
    }
}
