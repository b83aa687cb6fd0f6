//! What a call pays for a credential that is in memory: `cargo bench --bench resolve`.
//!
//! The design allows half a microsecond. Prints nanoseconds per resolve, the best of several rounds: on a machine that does
//! other things too, that is the number that repeats.

#![allow(clippy::print_stdout, clippy::unwrap_used)] // a bench prints, and its world is its own

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cofferdam::access::Caller;
use cofferdam::broker::{Broker, ModuleBinding, VaultParts, Walls};
use cofferdam_vault::testkit::{MemoryVault, path};

const ROUNDS: usize = 20;
const RESOLVES: u32 = 100_000;

/// Nanoseconds per cached resolve of `module`, with as many tasks at once as there are threads.
async fn measure(broker: &Arc<Broker>, module: &'static str, tasks: u32) -> u128 {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let resolving: Vec<_> = (0..tasks)
            .map(|_| {
                let broker = Arc::clone(broker);
                tokio::spawn(async move {
                    let caller = Caller::local();
                    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
                    for _ in 0..RESOLVES {
                        black_box(broker.credential(&caller, module, "work", deadline).await.unwrap());
                    }
                })
            })
            .collect();
        for task in resolving {
            task.await.unwrap();
        }
        best = best.min(start.elapsed());
    }
    best.as_nanos() / u128::from(RESOLVES)
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let memory = MemoryVault::new("bench");
        memory.put("github/work", [("token", "t0ken")]);
        memory.serve_dynamic(&path("db/work"), Duration::from_secs(3600));
        let parts = VaultParts { name: "bench".into(), walls: Walls::default(), vault: Arc::new(memory) };
        let binding = |module: &str, path: &str| ModuleBinding {
            module: module.into(),
            vault: "bench".into(),
            accounts: vec!["work".into()],
            path: path.into(),
            credential: serde_json::from_str(r#"{ "kind": "bearer" }"#).unwrap(),
        };
        let modules = vec![binding("github", "{module}/{account}"), binding("db", "{module}/{account}")];
        let broker = Arc::new(Broker::new(vec![parts], modules));
        for (what, module, tasks) in [
            ("a secret", "github", 1),
            ("a secret with a lease", "db", 1),
            ("one secret, two tasks", "github", 2),
            ("one secret with a lease, two tasks", "db", 2),
        ] {
            println!("{what}: {} ns", measure(&broker, module, tasks).await);
        }
    });
}
