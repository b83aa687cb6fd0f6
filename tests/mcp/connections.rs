//! Clients that take connections and give nothing back.

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::server::{ServerBuilder, within};

/// The connections of the operator's listener.
const ADMIN_CONNECTIONS: usize = 64;

/// Sends requests on a connection, and reads nothing, until the server waits for its client.
async fn never_read(address: SocketAddr, path: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    // The less the system holds, the sooner the server waits.
    socket.set_recv_buffer_size(4096).unwrap();
    socket.set_send_buffer_size(4096).unwrap();
    let mut client = socket.connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").repeat(1000);
    // Once the server waits for its client, it reads no further requests, and the buffers between them fill.
    let mut sent = 0;
    while within_a_second(client.write_all(request.as_bytes())).await {
        sent += 1;
        assert!(sent < 1000, "the server takes requests although nobody reads its responses");
    }
    client
}

/// Whether `future` ends soon. It does not if the server has stopped to read, and then nothing changes that.
async fn within_a_second<T>(future: impl Future<Output = T>) -> bool {
    tokio::time::timeout(std::time::Duration::from_secs(1), future).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read_do_not_silence_the_operator() {
    let server = ServerBuilder::default().start().await;
    let unread = (0..ADMIN_CONNECTIONS).map(|_| tokio::spawn(never_read(server.admin, "/metrics")));
    let _unread = within(futures_util::future::join_all(unread)).await;
    let health = within(reqwest::get(format!("http://{}/healthz", server.admin))).await.unwrap();
    assert_eq!(health.status(), 200);
    let metrics = within(reqwest::get(format!("http://{}/metrics", server.admin))).await.unwrap();
    let text = metrics.text().await.unwrap();
    assert!(text.contains("cofferdam_connections_max{listener=\"admin\"} 64\n"), "{text}");
    let evicted = "cofferdam_connections_closed_total{listener=\"admin\",reason=\"evicted\"} ";
    let evicted = text.lines().find_map(|line| line.strip_prefix(evicted)).unwrap();
    assert_ne!(evicted, "0", "{text}");
}

/// Sends a request and reads its response, on a connection that stays open.
async fn health(client: &mut TcpStream) {
    client.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut response = Vec::new();
    while !response.ends_with(b"ok\n") {
        let read = within(client.read_buf(&mut response)).await.unwrap();
        assert_ne!(read, 0, "closed after {}", String::from_utf8_lossy(&response));
    }
}

/// Uses up the descriptors of this process, so it needs a process of its own.
#[cfg(unix)]
#[test]
fn without_a_free_descriptor_an_idle_connection_makes_room() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    if cofferdam_testing::runs_alone("connections::without_a_free_descriptor_an_idle_connection_makes_room") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = ServerBuilder::default().start().await;
        let mut idle = Vec::new();
        for _ in 0..3 {
            let mut client = TcpStream::connect(server.address).await.unwrap();
            health(&mut client).await;
            idle.push(client);
        }
        let maximum = getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: Some(128), maximum }).unwrap();
        let mut files = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            files.push(file);
        }
        files.pop().expect("a descriptor was free");
        // The client has the last free descriptor, and its connection needs one more.
        let mut client = TcpStream::connect(server.address).await.unwrap();
        health(&mut client).await;
        assert_eq!(within(idle[0].read(&mut [0; 1])).await.unwrap(), 0, "the longest idle one is closed");
        health(&mut idle[2]).await;
    });
}

/// Starts a request whose body never arrives.
async fn start_request(address: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(address).await.unwrap();
    let head = "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                expect: 100-continue\r\ncontent-length: 100\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    // The server sends this once it waits for the body.
    let mut response = [0; 12];
    within(client.read_exact(&mut response)).await.unwrap();
    assert_eq!(&response, b"HTTP/1.1 100");
    client
}

/// Opens more connections with `open` than there may be, while a call is in progress, and then makes calls.
async fn leave_room_for_calls(open: impl AsyncFn(SocketAddr) -> TcpStream) {
    let mut builder = ServerBuilder::default();
    builder.settings.max_connections = Some(4);
    let server = builder.start().await;
    let waiting = server.call("wait", json!({}));
    let calls = async {
        server.parts.service.until_waiting(1).await;
        let mut opened = Vec::new();
        for _ in 0..10 {
            opened.push(open(server.address).await);
        }
        for id in ["1", "2", "3"] {
            let result = within(server.call("get_item", json!({ "id": id }))).await;
            assert_eq!(result["isError"], json!(false), "{result}");
        }
        let mut rest = Vec::new();
        let _ = within(opened[0].read_to_end(&mut rest)).await;
        assert!(
            !String::from_utf8_lossy(&rest).contains("HTTP/1.1"),
            "the first one is closed without a response"
        );
    };
    tokio::select! {
        result = waiting => panic!("the call in progress ended: {result}"),
        () = calls => {}
    }
}

#[tokio::test]
async fn idle_connections_leave_room_for_calls_and_calls_are_not_closed() {
    leave_room_for_calls(async |address| TcpStream::connect(address).await.unwrap()).await;
}

#[tokio::test]
async fn so_do_requests_whose_bodies_never_arrive() {
    leave_room_for_calls(start_request).await;
}
