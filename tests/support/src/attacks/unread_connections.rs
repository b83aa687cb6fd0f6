//! Connections on which responses are requested that are never read.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::{TcpSocket, TcpStream};

use super::hostile_client::{HEADERS, call};
use super::modules::QUEUE;
use super::ongoing::{Least, Ongoing};
use super::{Failed, Pace};

/// The number of connections to the operator's listener: as many as it accepts.
const TO_ADMIN: usize = 64;

/// The number of connections to the callers' listener.
const TO_PUBLIC: usize = 16;

/// The number of requests on a connection to the operator's listener. Their responses are longer than all buffers.
const ADMIN_REQUESTS: usize = 4000;

/// The same for a connection to the callers' listener, where one response has a MiB.
const PUBLIC_REQUESTS: usize = 16;

/// The client's receive buffer, in bytes. The system makes it a little larger.
const RECEIVE_BUFFER: u32 = 2048;

/// How often to check whether the server has closed a connection.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Opens the connections. One that the server closes is opened again.
pub(super) fn start(public: SocketAddr, admin: SocketAddr, pace: Pace) -> Result<Ongoing, Failed> {
    let metrics = format!("GET /metrics HTTP/1.1\r\nhost: {admin}\r\n\r\n");
    let body = call(QUEUE, "large", &json!({}));
    let headers: String = HEADERS.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let large = format!(
        "POST /mcp HTTP/1.1\r\nhost: {public}\r\n{headers}content-length: {length}\r\n\r\n{}",
        String::from_utf8_lossy(&body)
    );
    let to_admin: Arc<str> = metrics.repeat(ADMIN_REQUESTS).into();
    let to_public: Arc<str> = large.repeat(PUBLIC_REQUESTS).into();
    let mut attack = Ongoing::new(Least { begun: TO_ADMIN + TO_PUBLIC, ended: 0 });
    for index in 0..TO_ADMIN + TO_PUBLIC {
        let (address, requests) = match index < TO_ADMIN {
            true => (admin, Arc::clone(&to_admin)),
            false => (public, Arc::clone(&to_public)),
        };
        let (progress, mut rhythm) = (attack.progress(), pace.rhythm(index));
        attack.add(async move {
            loop {
                if let Ok(connection) = connect(address).await {
                    progress.begin();
                    // An error means that the server has closed the connection.
                    let _ = request_and_never_read(connection, &requests).await;
                    progress.end("closed".to_owned());
                }
                rhythm.pause().await;
            }
        })?;
    }
    Ok(attack)
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.connect(address).await
}

/// Returns when the server has closed the connection.
async fn request_and_never_read(mut connection: TcpStream, requests: &str) -> io::Result<()> {
    // It stops in the middle, when the server no longer reads because its responses are not read.
    connection.write_all(requests.as_bytes()).await?;
    while !connection.ready(Interest::READABLE).await?.is_read_closed() {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(())
}
