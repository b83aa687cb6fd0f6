//! Cost of `get_module_schema {query}` among more than 20,000 tools: `cargo bench --bench search`.

#![allow(clippy::unwrap_used, missing_docs)] // a panic is the report; `main` and the benches have no readers

use cofferdam::caller::Caller;
use cofferdam_testing::generated_modules::{questions, registry};
use divan::Bencher;

/// Maximum number of tools that a search of the server's returns.
const LIMIT: usize = 10;

fn main() {
    divan::main();
}

#[divan::bench]
fn among_20_000_tools(bencher: Bencher<'_, '_>) {
    let registry = registry();
    let caller = Caller::local();
    let questions: Vec<String> =
        questions().into_values().flat_map(|of_module| of_module.into_values()).collect();
    let mut asked = questions.iter().cycle();
    bencher.bench_local(|| registry.search(&caller, asked.next().unwrap(), LIMIT));
}
