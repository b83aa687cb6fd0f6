//! A load balancer as in a cluster, on loopback: it distributes connections to the replicas that it believes ready, and
//! learns late that one is no longer ready.
//!
//! Like kube-proxy, it distributes connections, not requests, and does not try another replica if one refuses.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// The interval of the readiness probe.
const PROBE_INTERVAL: Duration = Duration::from_millis(100);

/// The delay between a failed probe and its effect here.
const LAG: Duration = Duration::from_millis(500);

/// A running balancer. It ends with the runtime of the test.
#[derive(Clone)]
pub(crate) struct Balancer {
    pub(crate) address: SocketAddr,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    replicas: Vec<SocketAddr>,
    next: usize,
}

impl Balancer {
    /// Starts a balancer without replicas.
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

    /// Adds `replica` once it is ready, until its probe fails.
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
        self.next = self.next.wrapping_add(1);
        self.replicas.get(self.next % self.replicas.len().max(1)).copied()
    }
}

/// If the replica cannot be reached, the client's connection ends, as in a cluster.
async fn pass_on(mut client: TcpStream, replica: Option<SocketAddr>) {
    let Some(replica) = replica else { return };
    if let Ok(mut replica) = TcpStream::connect(replica).await {
        // Either side may end it.
        let _ = copy_bidirectional(&mut client, &mut replica).await;
    }
}

async fn is_ready(replica: SocketAddr) -> bool {
    // Each probe uses a new connection, as the kubelet's do.
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    let answer = client.get(format!("http://{replica}/readyz")).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}
