//! Cost of a credential that is in memory: `cargo bench --bench resolve`. The design allows half a microsecond.

#![allow(clippy::unwrap_used, missing_docs)] // a panic is the report; `main` and the benches have no readers

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam::caller::Caller;
use cofferdam_testing::warm_broker::{self, LEASED, PLAIN, resolve, soon};
use divan::Bencher;
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

/// A secret that is cached, without and with a lease.
#[divan::bench(args = [PLAIN, LEASED])]
fn cached(bencher: Bencher<'_, '_>, module: &str) {
    let runtime = runtime();
    let broker = runtime.block_on(warm_broker::broker());
    let (caller, deadline) = (Caller::local(), soon());
    bencher.bench_local(|| resolve(&broker, &caller, module, deadline));
}

/// The same while another thread resolves the same secret.
#[divan::bench(args = [PLAIN, LEASED])]
fn cached_two_threads(bencher: Bencher<'_, '_>, module: &str) {
    let runtime = runtime();
    let broker = runtime.block_on(warm_broker::broker());
    let (caller, deadline) = (Caller::local(), soon());
    let one = || resolve(&broker, &caller, module, deadline);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                black_box(one());
            }
        });
        bencher.bench_local(one);
        stop.store(true, Ordering::Relaxed);
    });
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}
