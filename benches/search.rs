//! What a model pays for `get_module_schema {query}` among more than 20,000 tools: `cargo bench --bench search`.

#![allow(clippy::unwrap_used, missing_docs)] // a bench's world is its own; the macros' functions are nobody's

#[path = "../tests/support/fillers.rs"]
mod fillers;

use cofferdam::caller::Caller;
use criterion::{Criterion, criterion_group, criterion_main};

/// How many tools a search of the server's finds.
const FOUND: usize = 10;

fn search(criterion: &mut Criterion) {
    let registry = fillers::registry();
    let caller = Caller::local();
    let questions: Vec<String> =
        fillers::questions().into_values().flat_map(|of_module| of_module.into_values()).collect();
    let mut asked = questions.iter().cycle();
    criterion.bench_function("search among 20,000 tools", |bencher| {
        bencher.iter(|| registry.search(&caller, asked.next().unwrap(), FOUND));
    });
}

criterion_group!(benches, search);
criterion_main!(benches);
