//! A rolling update under load: each replica is replaced by a new process while clients call without a pause.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use cofferdam_testing::{Running, TestEnv, cofferdam};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::balancer::Balancer;

/// How long a call stays at the service, so that some are always in flight.
const SERVICE_TIME: Duration = Duration::from_millis(60);

/// Clients that keep their connection, and as many that open one for each call.
const CLIENTS: usize = 4;

/// How the calls of an update ended.
#[derive(Debug, Default)]
struct Tally {
    answered: AtomicUsize,
    dropped: AtomicUsize,
    over: AtomicBool,
    first_loss: std::sync::Mutex<Option<String>>,
}

/// One `cofferdam serve`.
struct Replica {
    process: Running,
    address: SocketAddr,
    admin: SocketAddr,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_update_drops_no_call_while_replicas_drain_and_some_without() {
    let with = update("5s").await;
    let (answered, dropped) = counts(&with);
    println!("with drain_delay: {dropped} calls dropped of {}", answered + dropped);
    assert_eq!(dropped, 0, "of {answered}: {:?}", with.first_loss.lock().unwrap());
    assert!(answered > 200, "only {answered} calls were made");

    let without = update("0s").await;
    let (answered, dropped) = counts(&without);
    println!("without: {dropped} calls dropped of {}", answered + dropped);
    assert!(dropped > 0, "the balancer hides dropped calls, so the test proves nothing: {answered} calls");
}

fn counts(tally: &Tally) -> (usize, usize) {
    (tally.answered.load(Ordering::SeqCst), tally.dropped.load(Ordering::SeqCst))
}

/// Replaces both of two replicas, one after the other, a new one first: `maxUnavailable` 0.
async fn update(drain_delay: &str) -> Arc<Tally> {
    let url = service().await;
    let env = TestEnv::with_service(&url, "");
    env.set_tickets("a-token-for-the-tickets");
    let balancer = Balancer::start().await;
    let mut old = Vec::new();
    for _ in 0..2 {
        let replica = Replica::start(&env, drain_delay);
        balancer.add(replica.address).await;
        old.push(replica);
    }
    let tally = Arc::new(Tally::default());
    let mut clients = tokio::task::JoinSet::new();
    for keeps in [true, false] {
        for _ in 0..CLIENTS {
            clients.spawn(client(balancer.address, keeps, tally.clone()));
        }
    }
    let mut new = Vec::new();
    for replica in old {
        tally.more(50).await;
        let fresh = Replica::start(&env, drain_delay);
        balancer.add(fresh.address).await;
        new.push(fresh);
        replica.end_in_the_middle_of_a_call().await;
    }
    tally.more(50).await;
    tally.over.store(true, Ordering::SeqCst);
    clients.join_all().await;
    tally
}

impl Replica {
    fn start(env: &TestEnv, drain_delay: &str) -> Self {
        let mut command = cofferdam();
        command.env("COFFERDAM__SERVER__DRAIN_DELAY", drain_delay);
        let (mut process, url) = env.serve(&mut command);
        let address = |text: &str| {
            let text = text.trim_start_matches("http://");
            text.split(['/', ' ']).next().unwrap().parse().unwrap()
        };
        let admin = process.line().unwrap();
        let admin = address(admin.strip_prefix("admin: ").unwrap_or_else(|| panic!("{admin}")));
        Self { process, address: address(&url), admin }
    }

    /// Sends SIGTERM while a call is in flight; returns once the process has ended successfully.
    async fn end_in_the_middle_of_a_call(self) {
        let metrics = format!("http://{}/metrics", self.admin);
        loop {
            let text = reqwest::get(&metrics).await.unwrap().text().await.unwrap();
            let in_flight = text.lines().find_map(|line| line.strip_prefix("cofferdam_calls_in_flight "));
            if in_flight.is_some_and(|count| count != "0") {
                break;
            }
        }
        let id = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        // The balancer and the clients run on other threads.
        let (status, _, stderr) = tokio::task::block_in_place(|| self.process.wait()).unwrap();
        assert!(status.success(), "{status}\n{stderr}");
    }
}

impl Tally {
    /// Returns once `count` more calls have succeeded.
    async fn more(&self, count: usize) {
        let goal = self.answered.load(Ordering::SeqCst) + count;
        let reached = async {
            while self.answered.load(Ordering::SeqCst) < goal {
                tokio::time::sleep(SERVICE_TIME).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), reached).await.expect("the calls have stopped");
    }
}

/// Calls without a pause until the update is over.
async fn client(balancer: SocketAddr, keeps_its_connection: bool, tally: Arc<Tally>) {
    let connections = if keeps_its_connection { 1 } else { 0 };
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(connections).build().unwrap();
    while !tally.over.load(Ordering::SeqCst) {
        match call(&client, balancer).await {
            Ok(()) => tally.answered.fetch_add(1, Ordering::SeqCst),
            Err(loss) => {
                tally.first_loss.lock().unwrap().get_or_insert(loss);
                tally.dropped.fetch_add(1, Ordering::SeqCst)
            }
        };
    }
}

async fn call(client: &reqwest::Client, balancer: SocketAddr) -> Result<(), String> {
    let arguments = json!({ "module": "tickets", "tool": "whoami", "arguments": {} });
    let params = json!({ "name": "call_module_tool", "arguments": arguments });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let request = client
        .post(format!("http://{balancer}/mcp"))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .body(message.to_string());
    let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
    let answer: Value = answer.json().await.map_err(|error| format!("{error:?}"))?;
    let shown = answer.to_string();
    if answer["result"]["isError"] != json!(true) && shown.contains("ada") { Ok(()) } else { Err(shown) }
}

/// A slow service.
async fn service() -> String {
    let whoami = get(|| async {
        tokio::time::sleep(SERVICE_TIME).await;
        axum::Json(json!({ "login": "ada" }))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/whoami", whoami)).await });
    url
}
