use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::TARGETS;

/// How many random inputs each target gets, and how long they are at most.
const RANDOM_INPUTS: usize = 500;
const RANDOM_BYTES: usize = 400;

/// How many changed kept inputs each target gets.
const CHANGED_INPUTS: usize = 500;

/// What has a meaning in the texts that targets read.
const SYNTAX: [&str; 16] =
    ["\"", "'", "\\", "\\ud83d", "\n", "\r\n", "#", "=", "[", "]", "{", "}", ":", ",", "\u{feff}", "null"];

/// The largest kept input, in bytes. A larger one belongs into a test of its own.
const KEPT_BYTES: u64 = 16 * 1024;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_kept_inputs_break_no_promise() {
    let mut failed = Vec::new();
    for (name, target) in TARGETS {
        let folder = fuzz().join("corpus").join(name);
        for file in names(&folder) {
            let input = fs::read(folder.join(&file)).unwrap();
            assert!(input.len() as u64 <= KEPT_BYTES, "{name}/{file} has {} bytes", input.len());
            if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
                failed.push(format!("fuzz/corpus/{name}/{file}"));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?} break a promise; the panics above say which");
}

#[test]
fn random_inputs_break_no_promise() {
    for (name, target) in TARGETS {
        let mut random = fastrand::Rng::with_seed(14);
        for number in 0..RANDOM_INPUTS {
            let input: Vec<u8> = (0..random.usize(..RANDOM_BYTES)).map(|_| random.u8(..)).collect();
            let passes = catch_unwind(AssertUnwindSafe(|| target(&input))).is_ok();
            assert!(passes, "random input {number} breaks a promise of {name}: {}", input.escape_ascii());
        }
    }
}

#[test]
fn changed_inputs_break_no_promise() {
    for (name, target) in TARGETS {
        let mut random = fastrand::Rng::with_seed(15);
        let folder = fuzz().join("corpus").join(name);
        let kept: Vec<Vec<u8>> =
            names(&folder).iter().map(|file| fs::read(folder.join(file)).unwrap()).collect();
        for number in 0..CHANGED_INPUTS {
            let input = changed(&mut random, &kept);
            let passes = catch_unwind(AssertUnwindSafe(|| target(&input))).is_ok();
            assert!(passes, "changed input {number} breaks a promise of {name}: {}", input.escape_ascii());
        }
    }
}

/// A kept input with a few changes, of which some join two of them.
fn changed(random: &mut fastrand::Rng, kept: &[Vec<u8>]) -> Vec<u8> {
    let mut input = kept[random.usize(..kept.len())].clone();
    for _ in 0..random.usize(1..6) {
        let at = random.usize(..=input.len());
        let end = random.usize(at..=input.len().min(at + 12));
        let with = match random.u8(..5) {
            0 => Vec::new(),
            1 => vec![random.u8(..)],
            2 => SYNTAX[random.usize(..SYNTAX.len())].as_bytes().to_vec(),
            3 => input[at..end].repeat(random.usize(1..4)),
            _ => {
                let other = &kept[random.usize(..kept.len())];
                let from = random.usize(..=other.len());
                other[from..random.usize(from..=other.len().min(from + 40))].to_vec()
            }
        };
        let end = if random.bool() { at } else { end };
        input.splice(at..end, with);
    }
    input
}

#[test]
fn every_target_has_its_file_its_binary_and_kept_inputs() {
    let ours: Vec<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut sorted = ours.clone();
    sorted.sort();
    let files: Vec<String> = ours.iter().map(|name| format!("{name}.rs")).collect();
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for (name, file) in ours.iter().zip(&files) {
        let source = fs::read_to_string(fuzz().join("fuzz_targets").join(file)).unwrap_or_default();
        assert!(source.contains(&format!("cofferdam_fuzz_targets::{name}(")), "fuzz/fuzz_targets/{file}");
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{file}\"")),
            "fuzz/Cargo.toml has no {name}"
        );
        assert!(!names(&fuzz().join("corpus").join(name)).is_empty(), "fuzz/corpus/{name} is empty");
    }
    let mut expected = files;
    expected.sort();
    assert_eq!(names(&fuzz().join("fuzz_targets")), expected, "a file that is no target in TARGETS");
    assert_eq!(names(&fuzz().join("corpus")), sorted, "kept inputs of no target");
}
