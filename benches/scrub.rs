//! Cost of searching a response for its credential: `cargo bench --bench scrub`.

#![allow(clippy::unwrap_used, missing_docs)] // a panic is the report; `main` and the benches have no readers

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofferdam::connectors::Scrubber;
use divan::Bencher;
use divan::counter::BytesCount;
use serde_json::Value;

/// As long as GitHub's are.
const TOKEN: &str =
    "github_pat_11AAAAAAA0fkB1VhN7jHqZ_aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcdefghijklmnopqrstuvw";

/// A response of GitHub's, 2 KiB.
const RESPONSE: &str = include_str!("../tests/fixtures/github/get_issue.json");

fn main() {
    divan::main();
}

/// Each call makes a scrubber of its own.
#[divan::bench]
fn construction() -> Scrubber {
    scrubber()
}

#[divan::bench(args = ["2 KiB", "1 MiB", "1 MiB, escaped twice", "1 MiB, base64", "1 MiB, every notation"])]
fn bytes(bencher: Bencher<'_, '_>, size: &str) {
    let (scrubber, text) = (scrubber(), sample(size));
    bencher.counter(BytesCount::of_str(&text)).bench(|| scrubber.bytes(text.as_bytes()).len());
}

#[divan::bench(args = ["2 KiB", "1 MiB"])]
fn strings(bencher: Bencher<'_, '_>, size: &str) {
    let (scrubber, text) = (scrubber(), sample(size));
    let value: Value = serde_json::from_str(&text).unwrap();
    bencher
        .counter(BytesCount::of_str(&text))
        .with_inputs(|| value.clone())
        .bench_refs(|value| scrubber.value(value));
}

fn scrubber() -> Scrubber {
    Scrubber::new([TOKEN, &format!("Bearer {TOKEN}")])
}

fn sample(size: &str) -> String {
    let large = || format!("[{}]", vec![RESPONSE; 512].join(","));
    match size {
        "2 KiB" => RESPONSE.to_owned(),
        "1 MiB" => large(),
        // A file from GitHub's contents API.
        "1 MiB, base64" => {
            let encoded = STANDARD.encode(large());
            let lines: Vec<&str> = encoded.as_bytes()[..1 << 20]
                .chunks(60)
                .map(|line| std::str::from_utf8(line).unwrap())
                .collect();
            format!("{{\"content\":\"{}\\n\"}}", lines.join("\\n"))
        }
        // A service that wants the search to take long.
        "1 MiB, every notation" => {
            "%5c\\u0026#97;=61 0x61,0x62 97,98,99,100,101,102,103,104 YWJjZGVmZ2g\0 github_"
                .repeat((1 << 20) / 80)
        }
        // A service that puts JSON into JSON: every quotation mark is an escape, twice.
        _ => Value::from(Value::from(large()).to_string()).to_string(),
    }
}
