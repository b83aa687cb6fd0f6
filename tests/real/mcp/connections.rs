//! Connections that only stay open, in a process that may have few descriptors.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use cofferdam_testing::{FakeService, Running, TestEnv, bare, call_tool, program};
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// The usual limit of open files.
const DESCRIPTORS: usize = 1024;

/// More than the descriptors, and kept for less than the timeout of an idle connection.
const CONNECTIONS: usize = 1100;

/// Only a test that fails waits this long.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A server whose soft and hard limit of open files is [`DESCRIPTORS`], and that reads its vaults on each call.
struct Server {
    url: String,
    address: SocketAddr,
    admin: SocketAddr,
    running: Running,
}

impl Server {
    fn start(env: &TestEnv) -> Self {
        let mut command = bare(Command::new("sh"));
        command.arg0("sh").args(["-c", &format!("ulimit -n {DESCRIPTORS} && exec \"$0\" \"$@\"")]);
        command.arg(program()).env("COFFERDAM__SERVER__MAX_CONNECTIONS", "5000");
        for vault in ["AGE_VAULT", "ENV_VAULT"] {
            command.env(format!("COFFERDAM__VAULTS__{vault}__CACHE_TTL"), "0s");
            command.env(format!("COFFERDAM__VAULTS__{vault}__STALE_FOR"), "0s");
        }
        let (mut running, url) = env.serve(&mut command);
        let admin = loop {
            let line = running.line().expect("the address of the operator's listener");
            if let Some(rest) = line.strip_prefix("admin: http://") {
                break rest.split(' ').next().unwrap().parse().unwrap();
            }
        };
        let address = url.trim_start_matches("http://").trim_end_matches("/mcp").parse().unwrap();
        Self { url, address, admin, running }
    }

    /// The login of the module's credential.
    async fn login(&self, module: &str) -> Value {
        let arguments = json!({ "module": module, "tool": "whoami", "arguments": {} });
        let answer = within(call_tool(&self.url, arguments)).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["result"]["structuredContent"]["result"]["login"].clone()
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIMEOUT, future).await.expect("nothing happened for 20 s")
}

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    within(async {
        let answer = reqwest::get(format!("http://{address}{path}")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    })
    .await
}

/// The value of a metric.
fn metric(text: &str, name: &str) -> usize {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}")).trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn more_idle_connections_than_descriptors_leave_health_the_operator_and_vaults_working() {
    cofferdam::os::raise_descriptor_limit().unwrap();
    let service = FakeService::start(&[("t-token", "ada"), ("n-token", "grace")]).await;
    let env = TestEnv::with_service(&service.url(), "");
    let server = tokio::task::block_in_place(|| {
        env.set_tickets("t-token");
        env.set_notes("n-token");
        Server::start(&env)
    });
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        connections.push(within(TcpStream::connect(server.address)).await.unwrap());
    }
    for address in [server.address, server.admin] {
        assert_eq!(get(address, "/healthz").await, (200, "ok\n".into()));
        let (status, text) = get(address, "/readyz").await;
        assert_eq!(status, 200, "{text}");
    }
    for _ in 0..10 {
        assert_eq!(server.login("notes").await, "grace", "the vault is a file");
        assert_eq!(server.login("tickets").await, "ada");
    }
    let (_, metrics) = get(server.admin, "/metrics").await;
    let open = metric(&metrics, "cofferdam_connections{listener=\"public\"}");
    let max = metric(&metrics, "cofferdam_connections_max{listener=\"public\"}");
    let evicted =
        metric(&metrics, "cofferdam_connections_closed_total{listener=\"public\",reason=\"evicted\"}");
    assert!(max > DESCRIPTORS / 4 && max < DESCRIPTORS / 2, "{max}");
    assert!(open <= max && open > max / 2, "{open} of {max}");
    assert!(evicted >= CONNECTIONS - max, "{evicted}");
    drop(connections);
    let log = server.running.stderr();
    for part in ["server.max_connections", "this process may have 1024", "LimitNOFILE=", "ulimit -Hn"] {
        assert!(log.contains(part), "no {part} in\n{log}");
    }
    assert!(!log.contains("Too many open files"), "{log}");
}
