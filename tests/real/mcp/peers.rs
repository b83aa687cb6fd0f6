//! Several machines and one server, in a network namespace: what one machine may take.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use cofferdam_testing::{Running, TWO_VAULTS, TestEnv, cofferdam, run_in_a_namespace};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// Connections from one machine.
const MAX_PER_PEER: usize = 4;

/// Only a test that fails waits this long.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The addresses of the namespace: of the server, of machines, and of a proxy.
const ADDRESSES: [&str; 10] = [
    "198.51.100.1/32",
    "198.51.100.7/32",
    "198.51.100.8/32",
    "198.51.100.9/32",
    "203.0.113.5/32",
    "2001:db8::1/128",
    "2001:db8:0:1::7/128",
    "2001:db8:0:1:8::8/128",
    "2001:db8:0:2::7/128",
    "2001:db8:9::5/128",
];

#[test]
fn one_machine_cannot_take_the_connections_of_the_others() {
    println!("{}", run_in_a_namespace(&["--net"], "peers::several_machines"));
}

/// Runs only inside the namespace that [`one_machine_cannot_take_the_connections_of_the_others`] makes.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs in a network namespace that another test makes"]
async fn several_machines() {
    tokio::task::block_in_place(|| {
        ip(&["link", "set", "lo", "up"]);
        for address in ADDRESSES {
            let nodad: &[&str] = if address.contains(':') { &["nodad"] } else { &[] };
            ip(&[&["address", "add", address, "dev", "lo"], nodad].concat());
        }
    });
    let service = SilentService::start().await;
    let server = tokio::task::block_in_place(|| Server::start(service));

    let [greedy, other] = ["198.51.100.7", "198.51.100.8"].map(|address| server.machine(address));
    let _busy = greedy.start_calls(MAX_PER_PEER).await;
    let refused = greedy.health().await;
    assert!(refused.starts_with("HTTP/1.1 429 ") && refused.contains("retry-after: 1\r\n"), "{refused}");
    assert!(refused.ends_with("use fewer, or retry\n"), "{refused}");
    assert_healthy(&other).await;

    // Whoever has idle connections loses the longest idle one.
    let idler = server.machine("198.51.100.9");
    let mut idle = Vec::new();
    for _ in 0..MAX_PER_PEER {
        idle.push(idler.connect().await);
    }
    assert_healthy(&idler).await;
    assert_eq!(within(idle[0].read(&mut [0; 1])).await.unwrap(), 0);
    assert!(idle[1].try_read(&mut [0; 1]).is_err(), "the others are open");

    // A machine has all addresses of its IPv6 network.
    let [greedy, same, other] =
        ["2001:db8:0:1::7", "2001:db8:0:1:8::8", "2001:db8:0:2::7"].map(|address| server.machine(address));
    let _half = greedy.start_calls(MAX_PER_PEER / 2).await;
    let _rest = same.start_calls(MAX_PER_PEER - MAX_PER_PEER / 2).await;
    for machine in [&greedy, &same] {
        let refused = machine.health().await;
        assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    }
    assert_healthy(&other).await;

    // Everyone behind loopback or a trusted proxy has the same address.
    let mut exempt = Vec::new();
    for address in ["127.0.0.1", "::1", "203.0.113.5", "2001:db8:9::5"] {
        let machine = server.machine(address);
        exempt.push(machine.start_calls(MAX_PER_PEER * 2).await);
        assert_healthy(&machine).await;
    }

    let log = server.running.stderr();
    for part in ["198.51.100.7", "server.max_connections_per_peer", "access.trusted_proxies"] {
        assert!(log.contains(part), "no {part} in\n{log}");
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIMEOUT, future).await.expect("nothing happened for 20 s")
}

async fn assert_healthy(machine: &Machine) {
    let response = machine.health().await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{}: {response}", machine.address);
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().unwrap();
    assert!(output.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A service that never responds, so that calls to it stay in progress.
struct SilentService {
    address: SocketAddr,
    /// The number of its connections: one for each call.
    calls: watch::Receiver<usize>,
}

impl SilentService {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (count, calls) = watch::channel(0);
        tokio::spawn(async move {
            let mut connections = Vec::new();
            while let Ok((connection, _)) = listener.accept().await {
                connections.push(connection);
                count.send_replace(connections.len());
            }
        });
        Self { address, calls }
    }
}

struct Server {
    port: u16,
    service: SilentService,
    running: Running,
    _env: TestEnv,
}

impl Server {
    fn start(service: SilentService) -> Self {
        let env = TestEnv::new(TWO_VAULTS);
        env.call_service(&format!("http://{}", service.address));
        let mut command = cofferdam();
        command.arg("serve").arg("--insecure-no-auth").arg("--profile").arg(env.profile());
        command.env("TICKETS_TOKEN", "t-token");
        for (key, value) in [
            ("SERVER__LISTEN", "[::]:0".to_owned()),
            ("SERVER__MAX_CONNECTIONS_PER_PEER", MAX_PER_PEER.to_string()),
            ("ACCESS__TRUSTED_PROXIES", "[\"203.0.113.0/24\", \"2001:db8:9::/48\"]".to_owned()),
        ] {
            command.env(format!("COFFERDAM__{key}"), value);
        }
        let mut running = Running::start(&mut command).unwrap();
        let line = running.line().unwrap_or_else(|| panic!("{}", running.stderr()));
        let address = line.trim_start_matches("http://").trim_end_matches("/mcp");
        let address: SocketAddr = address.parse().unwrap_or_else(|_| panic!("{line}"));
        Self { port: address.port(), service, running, _env: env }
    }

    /// The machine with this address.
    fn machine(&self, address: &str) -> Machine {
        let address: IpAddr = address.parse().unwrap();
        let server: IpAddr = match address {
            _ if address.is_loopback() => address,
            IpAddr::V4(_) => [198, 51, 100, 1].into(),
            IpAddr::V6(_) => "2001:db8::1".parse::<Ipv6Addr>().unwrap().into(),
        };
        let calls = self.service.calls.clone();
        Machine { address, server: SocketAddr::new(server, self.port), calls }
    }
}

/// A machine that connects to the server.
struct Machine {
    address: IpAddr,
    server: SocketAddr,
    /// The number of calls that have reached the service.
    calls: watch::Receiver<usize>,
}

impl Machine {
    async fn connect(&self) -> TcpStream {
        let socket = if self.address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.unwrap();
        socket.bind(SocketAddr::new(self.address, 0)).unwrap();
        within(socket.connect(self.server)).await.unwrap()
    }

    /// Starts calls, each on a connection of its own, that do not end. Returns once the service has them.
    async fn start_calls(&self, count: usize) -> Vec<TcpStream> {
        let call = json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": { "name": "call_module_tool", "arguments": { "module": "tickets", "tool": "list" } },
        });
        let body = call.to_string();
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
            self.server,
            body.len()
        );
        let mut calls = self.calls.clone();
        let before = *calls.borrow_and_update();
        let mut connections = Vec::new();
        for _ in 0..count {
            let mut stream = self.connect().await;
            stream.write_all(request.as_bytes()).await.unwrap();
            connections.push(stream);
        }
        within(calls.wait_for(|calls| *calls == before + count)).await.unwrap();
        connections
    }

    /// The response of `/healthz` on a new connection.
    async fn health(&self) -> String {
        let mut stream = self.connect().await;
        let request = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.server);
        // A refused connection may be closed already. Its response is there nevertheless.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut response = Vec::new();
        let _ = within(stream.read_to_end(&mut response)).await;
        String::from_utf8(response).unwrap()
    }
}
