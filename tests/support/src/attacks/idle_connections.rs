//! Connections on which nothing is ever sent, or only the head of a request.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::ongoing::{Least, Ongoing};
use super::{Failed, Pace};
use crate::measure::raise_descriptor_limit;

/// The server's limit of open files, soft and hard: the usual soft limit of Linux.
pub(super) const DESCRIPTORS: u32 = 1024;

/// The number of connections: more than the server may have files.
const CONNECTIONS: usize = 1100;

/// The head of a request whose body never arrives.
pub(super) const HEAD: &str = "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
     content-length: 100\r\n\r\n";

/// Opens the connections and sends `text` on each. One that the server closes is opened again.
pub(super) fn start(address: SocketAddr, text: &'static str, pace: Pace) -> Result<Ongoing, Failed> {
    raise_descriptor_limit()?;
    let mut attack = Ongoing::new(Least { begun: CONNECTIONS, ended: 0 });
    for index in 0..CONNECTIONS {
        let (progress, mut rhythm) = (attack.progress(), pace.rhythm(index));
        attack.add(async move {
            loop {
                if let Ok(mut connection) = TcpStream::connect(address).await {
                    progress.begin();
                    // It fails if the server has closed the connection already.
                    let _ = connection.write_all(text.as_bytes()).await;
                    // It returns when the server closes the connection.
                    let _ = connection.read(&mut [0; 1024]).await;
                    progress.end("closed".to_owned());
                }
                rhythm.pause().await;
            }
        })?;
    }
    Ok(attack)
}
