//! Services on loopback, each on its own thread and runtime, so that the test does not capture what they log.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use axum::Router;
use tokio::sync::oneshot;

/// A service that ends when this is dropped.
pub(super) struct TestService {
    pub(super) address: SocketAddr,
    _end: oneshot::Sender<()>,
}

impl TestService {
    pub(super) fn start(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    result = axum::serve(listener, router) => result.unwrap(),
                    _ = ended => {}
                }
            });
        });
        Self { address, _end: end }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A service that accepts one connection, reads a request's head, sends `bytes` and closes the connection.
pub(super) fn answer_once(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut buffer = [0; 4096];
        while !head.windows(4).any(|window| window == b"\r\n\r\n") {
            let count = connection.read(&mut buffer).unwrap();
            head.extend_from_slice(&buffer[..count]);
        }
        connection.write_all(bytes).unwrap();
    });
    format!("http://{address}")
}
