//! Whether this profile's own server answers.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;

use super::super::Common;
use super::super::compose::{environment, load};
use super::super::exit::{CommandError, Exit};
use super::super::output::Output;
use crate::http::reachable_address;

/// How long the server has for its answer: loopback, and nothing to look up.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much of an answer is read; ours are much shorter.
const MAX_ANSWER: usize = 64 * 1024;

/// What `/healthz` of our own server says.
const ALIVE: &[u8] = b"ok\n";

/// `doctor --server`: one line, and exit 1 where the server does not answer. Builds no vault.
pub(super) async fn run(common: &Common, output: Output) -> Result<Exit, CommandError> {
    let (profile, _) = load(&common.profile, &environment([]))?;
    let listen = profile.server.listen;
    if listen.port() == 0 {
        return Err(CommandError::usage(
            "the profile's server.listen has port 0, so nobody knows which port its server took",
            "name one, for example with COFFERDAM__SERVER__LISTEN=127.0.0.1:7080, for `serve` and here",
        ));
    }
    let address = reachable_address(listen);
    match ask(address).await {
        Answer::Ours => {}
        Answer::Other(why) => {
            return Err(CommandError::failure(format!("http://{address}/healthz {why}"), ""));
        }
        Answer::None(why) => {
            return Err(CommandError::failure(format!("no server answers at http://{address}: {why}"), ""));
        }
    }
    if output.is_json() {
        output.document(&json!({ "address": address, "alive": true }));
    } else {
        output.line(format_args!("the server answers at http://{address}"));
    }
    Ok(Exit::Success)
}

/// Who answers at an address.
pub(super) enum Answer {
    /// A Cofferdam, whichever its profile is.
    Ours,
    /// Something else, and what it said.
    Other(String),
    /// Nobody, and why.
    None(String),
}

/// Asks whoever listens at `address` for `/healthz`.
pub(super) async fn ask(address: SocketAddr) -> Answer {
    match get(address, "/healthz").await {
        Ok((StatusCode::OK, body)) if body == ALIVE => Answer::Ours,
        Ok((status, _)) => Answer::Other(format!("answers {status}, and not as a Cofferdam does")),
        Err(why) => Answer::None(why),
    }
}

/// `GET` of `path` at `address`: status and body, or why there is no answer.
///
/// `Host` is the address, which the server's guard lets in where it is the one connected to.
async fn get(address: SocketAddr, path: &str) -> Result<(StatusCode, Bytes), String> {
    let answer = async {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        let request = Request::get(path).header(HOST, address.to_string()).body(Empty::<Bytes>::new());
        let request = request.map_err(|error| error.to_string())?;
        let exchange = async {
            let (head, body) = sender.send_request(request).await.map_err(no_http)?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
            Ok((head.status, body.to_bytes()))
        };
        tokio::pin!(exchange);
        tokio::select! {
            // The connection ends only when the exchange has, or it fails first, which the exchange is told.
            answer = &mut exchange => answer,
            _ = connection => exchange.await,
        }
    };
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("nothing came within {PATIENCE:?}")),
    }
}

/// hyper's own words for a peer that speaks something else.
fn no_http(error: hyper::Error) -> String {
    format!("what listens there speaks no HTTP: {error}")
}
