//! What a call pays for a credential that is in memory: `cargo bench --bench resolve`. The design allows half a microsecond.

#![allow(clippy::unwrap_used, missing_docs)] // a bench's world is its own; the macros' functions are nobody's

mod world;

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam::caller::Caller;
use criterion::{Criterion, criterion_group, criterion_main};
use world::{LEASED, PLAIN, resolve, soon};

fn cached(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let broker = runtime.block_on(world::broker());
    let (caller, deadline) = (Caller::local(), soon());
    let mut group = criterion.benchmark_group("cached resolve");
    for (what, module) in [("secret", PLAIN), ("secret with a lease", LEASED)] {
        let one = || resolve(&broker, &caller, module, deadline);
        group.bench_function(what, |bencher| bencher.iter(one));
        group.bench_function(format!("{what}, two threads at it"), |bencher| {
            beside(
                || {
                    black_box(one());
                },
                || bencher.iter(one),
            );
        });
    }
    group.finish();
}

/// Runs `measured` while another thread does `other` again and again.
fn beside(other: impl Fn() + Sync, measured: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                other();
            }
        });
        measured();
        stop.store(true, Ordering::Relaxed);
    });
}

criterion_group!(benches, cached);
criterion_main!(benches);
