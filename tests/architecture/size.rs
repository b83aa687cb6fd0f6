//! No production file is too long.

use crate::sources::{production, sources};

/// The largest number of production lines of a file. A longer one contains two things.
const MAX_LINES: usize = 400;

/// The problem of a file that is too long.
fn too_long(file: &str, text: &str) -> Option<String> {
    let lines = production(text).lines().count();
    (lines > MAX_LINES).then(|| {
        format!("{file} has {lines} lines before its tests, more than {MAX_LINES}: it contains two things")
    })
}

#[test]
fn every_production_file_is_short() {
    let problems: Vec<String> =
        sources().iter().filter_map(|source| too_long(&source.file, &source.text)).collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn a_planted_long_file_is_found() {
    let line = "let a = 1;\n";
    assert!(too_long("src/a.rs", &line.repeat(MAX_LINES)).is_none());
    assert!(too_long("src/a.rs", &line.repeat(MAX_LINES + 1)).is_some());
    let tests = format!("{}\n#[cfg(test)]\nmod tests {{\n{}}}\n", line.repeat(10), line.repeat(MAX_LINES));
    assert!(too_long("src/a.rs", &tests).is_none());
}
