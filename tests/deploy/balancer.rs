//! What stands between clients and replicas in a cluster, on loopback: connections are dealt out to the replicas that are
//! known to be ready, and that one is not any more is known late.
//!
//! Like kube-proxy it deals out connections, not requests, and does not try another replica when one refuses.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// How often a replica is asked whether it is ready.
const PROBE_INTERVAL: Duration = Duration::from_millis(100);

/// How long it takes until what the probe saw is known here.
const LAG: Duration = Duration::from_millis(500);

/// A running balancer. It ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Balancer {
    pub(crate) address: SocketAddr,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    replicas: Vec<SocketAddr>,
    turn: usize,
}

impl Balancer {
    /// One with no replica.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let balancer = Self { address: listener.local_addr().unwrap(), known: Arc::default() };
        let known = balancer.known.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let replica = known.lock().unwrap().next();
                tokio::spawn(pass_on(client, replica));
            }
        });
        balancer
    }

    /// Deals connections to `replica` as well, once it is ready, until its probe fails.
    pub(crate) async fn add(&self, replica: SocketAddr) {
        while !is_ready(replica).await {
            sleep(PROBE_INTERVAL).await;
        }
        self.known.lock().unwrap().replicas.push(replica);
        let known = self.known.clone();
        tokio::spawn(async move {
            while is_ready(replica).await {
                sleep(PROBE_INTERVAL).await;
            }
            sleep(LAG).await;
            known.lock().unwrap().replicas.retain(|known| *known != replica);
        });
    }
}

impl Known {
    fn next(&mut self) -> Option<SocketAddr> {
        self.turn = self.turn.wrapping_add(1);
        self.replicas.get(self.turn % self.replicas.len().max(1)).copied()
    }
}

/// A client whose replica is not there is left alone, as it is by a cluster.
async fn pass_on(mut client: TcpStream, replica: Option<SocketAddr>) {
    let Some(replica) = replica else { return };
    if let Ok(mut replica) = TcpStream::connect(replica).await {
        // Either side may end it as it likes.
        let _ = copy_bidirectional(&mut client, &mut replica).await;
    }
}

async fn is_ready(replica: SocketAddr) -> bool {
    // A connection of its own for each probe, as the kubelet makes them.
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    let answer = client.get(format!("http://{replica}/readyz")).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}
