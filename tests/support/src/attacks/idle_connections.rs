//! Connections on which nothing is ever sent.

use std::net::SocketAddr;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::ongoing::{Least, Ongoing};
use super::{Failed, Pace};
use crate::measure::raise_descriptor_limit;

/// The server's limit of open files, soft and hard: the usual soft limit of Linux.
pub(super) const DESCRIPTORS: u32 = 1024;

/// The number of connections: more than the server may have files.
const CONNECTIONS: usize = 1100;

/// Opens the connections. One that the server closes is opened again.
pub(super) fn start(address: SocketAddr, pace: Pace) -> Result<Ongoing, Failed> {
    raise_descriptor_limit()?;
    let mut attack = Ongoing::new(Least { begun: CONNECTIONS, ended: 0 });
    for index in 0..CONNECTIONS {
        let (progress, mut rhythm) = (attack.progress(), pace.rhythm(index));
        attack.add(async move {
            loop {
                if let Ok(mut connection) = TcpStream::connect(address).await {
                    progress.begin();
                    // It returns when the server closes the connection.
                    let _ = connection.read(&mut [0; 1024]).await;
                    progress.end("closed".to_owned());
                }
                rhythm.pause().await;
            }
        });
    }
    Ok(attack)
}
