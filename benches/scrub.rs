//! What an answer pays for being looked through for its credential: `cargo bench --bench scrub`.

#![allow(clippy::unwrap_used, missing_docs)] // a bench's world is its own; the macros' functions are nobody's

use cofferdam::connectors::Scrubber;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Value;

/// As long as GitHub's are.
const TOKEN: &str =
    "github_pat_11AAAAAAA0fkB1VhN7jHqZ_aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcdefghijklmnopqrstuvw";

/// An answer of GitHub's, 2 KiB.
const ANSWER: &str = include_str!("../tests/fixtures/github/get_issue.json");

fn scrub(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scrubber");
    group.bench_function("made for a call", |bencher| {
        bencher.iter(|| Scrubber::new([TOKEN, &format!("Bearer {TOKEN}")]));
    });
    let scrubber = Scrubber::new([TOKEN, &format!("Bearer {TOKEN}")]);
    let large = format!("[{}]", vec![ANSWER; 512].join(","));
    // A service that puts JSON into JSON: every quotation mark is an escape, twice.
    let escaped = Value::from(Value::from(large.as_str()).to_string()).to_string();
    for (what, text) in
        [("bytes of 2 KiB", ANSWER), ("bytes of 1 MiB", &large), ("1 MiB, escaped twice", &escaped)]
    {
        group.throughput(Throughput::Bytes(u64::try_from(text.len()).unwrap()));
        group.bench_function(what, |bencher| bencher.iter(|| scrubber.bytes(text.as_bytes()).len()));
    }
    for (what, text) in [("strings of 2 KiB", ANSWER), ("strings of 1 MiB", &large)] {
        let value: Value = serde_json::from_str(text).unwrap();
        group.throughput(Throughput::Bytes(u64::try_from(text.len()).unwrap()));
        group.bench_function(what, |bencher| {
            bencher.iter_batched_ref(|| value.clone(), |value| scrubber.value(value), BatchSize::LargeInput);
        });
    }
    group.finish();
}

criterion_group!(benches, scrub);
criterion_main!(benches);
