//! Whole connections over loopback, on a paused clock: it advances to the next timer whenever all tasks are idle.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::HEAD_TIMEOUT;
use super::eviction::GRACE;
use super::peers::Peers;
use super::progress::PROGRESS_TIMEOUT;
use super::tally::Tally;
use super::{Event, Lifetime, Listener, Registry, serve};

const HOUR: Duration = Duration::from_secs(3600);
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

const GET: &str = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
const WAIT: &str = "GET /wait HTTP/1.1\r\nhost: localhost\r\n\r\n";
const SLOW: &str = "GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n";
const POST: &str = "POST /wait HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n";
const BIG: &str = "GET /big HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// More than the buffers of a connection on loopback take.
const BIG_BYTES: usize = 64 * 1024 * 1024;

struct TestServer {
    listener_address: std::net::SocketAddr,
    registry: Arc<Registry>,
    closed: CancellationToken,
    ended: JoinHandle<()>,
}

impl TestServer {
    async fn start(max: usize, age: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener_address = listener.local_addr().unwrap();
        let routes = Router::new()
            .route("/", get(|| async { "here" }))
            .route(
                "/wait",
                get(pending::<String>).merge(post(async |_body: String| pending::<String>().await)),
            )
            .route(
                "/slow",
                get(|| async {
                    tokio::time::sleep(CALL_TIMEOUT / 2).await;
                    "done"
                }),
            )
            .route("/big", get(|| async { vec![b'x'; BIG_BYTES] }));
        let registry = Registry::new(max, max, Peers::new(&[]), Tally::new(Listener::Public));
        let closed = CancellationToken::new();
        let lifetime = Lifetime::new(age, CALL_TIMEOUT);
        let ended = tokio::spawn(serve(listener, routes, registry.clone(), lifetime, closed.clone()));
        Self { listener_address, registry, closed, ended }
    }

    /// Connects and sends `text`.
    async fn send(&self, text: &str) -> TcpStream {
        let mut client = TcpStream::connect(self.listener_address).await.unwrap();
        client.write_all(text.as_bytes()).await.unwrap();
        client
    }

    async fn stop(self) {
        self.closed.cancel();
        self.ended.await.unwrap();
    }
}

/// Reads until the connection is closed. Returns what was read, and how long it took.
async fn read_all(client: &mut TcpStream) -> (String, Duration) {
    let (start, mut read) = (Instant::now(), Vec::new());
    // A connection that is closed with unread data ends with an error.
    let _ = client.read_to_end(&mut read).await;
    (String::from_utf8(read).unwrap(), start.elapsed())
}

/// Reads one response of `/`.
async fn read_response(client: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"here") {
        assert_ne!(
            client.read_buf(&mut read).await.unwrap(),
            0,
            "closed after {}",
            String::from_utf8_lossy(&read)
        );
    }
    String::from_utf8(read).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_loses_its_connection() {
    let server = TestServer::start(1, HOUR).await;
    let (response, after) =
        read_all(&mut server.send("GET / HTTP/1.1\r\nhost: localhost\r\nx-slow: ").await).await;
    assert!(!response.contains("200") && after >= HEAD_TIMEOUT, "{after:?}: {response}");
    let (response, after) = read_all(&mut server.send("").await).await;
    assert!(response.is_empty() && after >= HEAD_TIMEOUT, "{after:?}: {response}");
    let (response, after) = read_all(&mut server.send(GET).await).await;
    assert!(
        response.ends_with("here") && after >= HEAD_TIMEOUT,
        "kept alive, but only until the timeout: {after:?}: {response}"
    );
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_closed_for_new_ones_and_a_request_in_progress_is_not() {
    let server = TestServer::start(4, HOUR).await;
    let waiting = server.send(WAIT).await;
    let mut partial = server.send("GET / HTTP/1.1\r\nhost: loc").await;
    let mut silent = server.send("").await;
    let mut kept = server.send(GET).await;
    read_response(&mut kept).await;
    tokio::time::advance(GRACE).await;
    // The kept connection is used again, so it is the last one to become idle.
    kept.write_all(GET.as_bytes()).await.unwrap();
    read_response(&mut kept).await;
    let start = Instant::now();
    let mut new = Vec::new();
    for (closed, name) in [(&mut partial, "partial"), (&mut silent, "silent"), (&mut kept, "kept")] {
        new.push(server.send(WAIT).await);
        let (text, _) = read_all(closed).await;
        assert_eq!((text.as_str(), start.elapsed()), ("", Duration::ZERO), "{name}");
    }
    // All four have a request in progress now: a fifth one waits until one ends.
    let mut fifth = server.send(GET).await;
    assert!(tokio::time::timeout(HEAD_TIMEOUT / 2, fifth.read_u8()).await.is_err());
    for open in new.iter().chain([&waiting]) {
        let read = open.try_read(&mut [0; 1]);
        assert!(read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "it was closed");
    }
    drop(waiting);
    read_response(&mut fifth).await;
    assert_eq!(server.registry.count(Event::Evicted), 3);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_in_progress_only_once_its_body_has_arrived() {
    let server = TestServer::start(2, HOUR).await;
    let mut completed = server.send(&format!("{POST}01234")).await;
    let mut partial = server.send(&format!("{POST}01234")).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    completed.write_all(b"56789").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;

    let start = Instant::now();
    let mut new = server.send(WAIT).await;
    let (text, _) = read_all(&mut partial).await;
    assert_eq!((text.as_str(), start.elapsed()), ("", Duration::ZERO), "closed to make room");
    let mut waiting = server.send(GET).await;
    assert!(tokio::time::timeout(HEAD_TIMEOUT / 2, waiting.read_u8()).await.is_err());
    for (open, name) in [(&mut completed, "completed"), (&mut new, "new")] {
        let read = open.try_read(&mut [0; 1]);
        assert!(read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "{name} was closed");
    }
    assert_eq!(server.registry.count(Event::Evicted), 1);
}

/// Its route does not read the body.
#[tokio::test(start_paused = true)]
async fn a_request_that_is_refused_before_its_body_arrives_gets_its_response() {
    let server = TestServer::start(1, HOUR).await;
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n";
    let (response, after) = read_all(&mut server.send(head).await).await;
    assert!(response.starts_with("HTTP/1.1 405 ") && after <= HEAD_TIMEOUT, "{after:?}: {response}");
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_old_connection_is_closed_after_its_request() {
    let age = Duration::from_secs(20);
    let server = TestServer::start(10, age).await;
    let (response, after) = read_all(&mut server.send(GET).await).await;
    assert!(response.ends_with("here"), "{response}");
    assert!(after >= age * 9 / 10 && after <= age, "an idle one is closed at its age: {after:?}");
    let (response, after) = read_all(&mut server.send(SLOW).await).await;
    assert!(response.contains("connection: close") && response.ends_with("done"), "{response}");
    assert!(after >= CALL_TIMEOUT / 2, "{after:?}");
    assert_eq!(server.registry.count(Event::Aged), 2);
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_end_is_dropped() {
    let age = Duration::from_secs(20);
    let server = TestServer::start(10, age).await;
    let (response, after) = read_all(&mut server.send(WAIT).await).await;
    let grace = CALL_TIMEOUT + HEAD_TIMEOUT + PROGRESS_TIMEOUT;
    assert!(response.is_empty() && after <= age + grace, "{after:?}");
    assert!(after >= age * 9 / 10 + grace, "{after:?}");
    assert_eq!(server.registry.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_not_read_does_not_keep_its_connection() {
    let server = TestServer::start(10, HOUR).await;
    let start = Instant::now();
    let client = server.send(BIG).await;
    while server.registry.count(Event::Unread) == 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(start.elapsed() < PROGRESS_TIMEOUT * 2, "the connection is still open");
    }
    assert!(start.elapsed() >= PROGRESS_TIMEOUT);
    assert_eq!(server.registry.open(), 0);
    drop(client);
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn connections_whose_clients_do_not_read_make_room() {
    let server = TestServer::start(4, HOUR).await;
    let _unread =
        [server.send(BIG).await, server.send(BIG).await, server.send(BIG).await, server.send(BIG).await];
    let start = Instant::now();
    read_response(&mut server.send(GET).await).await;
    assert!(start.elapsed() < PROGRESS_TIMEOUT, "{:?}", start.elapsed());
    assert_eq!(server.registry.count(Event::Evicted), 1);
}

/// Not in paused time, which would pass while the system moves data.
#[tokio::test]
async fn a_client_that_reads_gets_all_of_a_large_response() {
    let server = TestServer::start(1, HOUR).await;
    let mut client = server.send(BIG).await;
    let mut read = 0;
    let mut buffer = vec![0; 1024 * 1024];
    while read < BIG_BYTES {
        let count = client.read(&mut buffer).await.unwrap();
        assert_ne!(count, 0, "closed after {read} bytes");
        read += count;
    }
    assert_eq!(server.registry.count(Event::Unread), 0);
    drop(client);
    server.stop().await;
}
