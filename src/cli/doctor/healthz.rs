//! A client for `/healthz`, to find out what listens on an address.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use cofferdam_config::{Text, duration, text};
use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The timeout of the request. Generous, since `/healthz` accesses nothing.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The maximum size of a response, in bytes. Ours is much shorter.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// The body of a Cofferdam server's `/healthz`.
const ALIVE: &[u8] = b"ok\n";

/// What listens on an address.
pub(super) enum Health {
    /// A Cofferdam server, with any profile.
    Cofferdam,
    /// Something else, with its response.
    Other(Text),
    /// Nothing that responds, with the reason.
    Unreachable(Text),
}

/// Requests `/healthz` at `address`.
pub(super) async fn get(address: SocketAddr) -> Health {
    match tokio::time::timeout(TIMEOUT, exchange(address)).await {
        Ok(Ok((StatusCode::OK, body))) if body == ALIVE => Health::Cofferdam,
        Ok(Ok((status, _))) => {
            Health::Other(text!("responds with {}, but is not a Cofferdam server", status.as_u16()))
        }
        Ok(Err(why)) => Health::Unreachable(why),
        Err(_) => Health::Unreachable(text!("no response within {}", duration::format(TIMEOUT))),
    }
}

/// Returns status and body, or why there is no response. No error of the libraries quotes the response.
async fn exchange(address: SocketAddr) -> Result<(StatusCode, Bytes), Text> {
    let stream = TcpStream::connect(address).await.map_err(Text::unchecked)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Text::unchecked)?;
    // The guard of the server accepts the address that was connected to as `Host`.
    let request = Request::get("/healthz").header(HOST, address.to_string()).body(Empty::<Bytes>::new());
    let request = request.map_err(Text::unchecked)?;
    let response = async {
        let (head, body) = sender.send_request(request).await.map_err(not_http)?.into_parts();
        let body = Limited::new(body, MAX_RESPONSE_BYTES).collect().await.map_err(Text::unchecked)?;
        Ok((head.status, body.to_bytes()))
    };
    tokio::pin!(response);
    tokio::select! {
        result = &mut response => result,
        // The connection ends early only if it fails, and then `response` resolves to that error.
        _ = connection => response.await,
    }
}

fn not_http(error: hyper::Error) -> Text {
    text!("it does not speak HTTP: {}", Text::unchecked(error))
}
