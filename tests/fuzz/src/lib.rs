//! What the fuzz targets do.
//!
//! A target is one function of the input's bytes, which panics if a promise is broken. `fuzz/fuzz_targets/NAME.rs` calls it
//! with what libFuzzer makes up, and the tests of this crate call it with the kept inputs in `fuzz/corpus/NAME` and with
//! seeded random ones.
//!
//! To add a target: its function, its line in [`TARGETS`], a file in `fuzz/fuzz_targets` with a `[[bin]]` in
//! `fuzz/Cargo.toml`, and at least one kept input. A test says what is missing.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a target reports a broken promise"
)]

mod age_document;
mod answers;
mod app;
mod dotenv;
mod requests;
mod scrubber;
mod settings;
mod vault;

pub use age_document::age_document;
pub use answers::{answer, page};
pub use dotenv::dotenv;
pub use requests::request;
pub use scrubber::scrubber;
pub use settings::{manifest, profile};

/// A secret that inputs contain where none belongs. No message may quote it.
const CANARY: &str = "ghp_q7Zp2mXv9LrT4wBnq7Zp2mXv9LrT4wBn1a2b";

/// The byte that stands for [`CANARY`] in an input, so that one change puts it anywhere.
const CANARY_BYTE: u8 = 1;

/// `data` with [`CANARY`] in place of each [`CANARY_BYTE`].
fn with_canaries(data: &[u8]) -> Vec<u8> {
    data.split(|&byte| byte == CANARY_BYTE).collect::<Vec<_>>().join(CANARY.as_bytes())
}

/// A target: it panics if the input breaks a promise.
pub type Target = fn(&[u8]);

/// Every target by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("age_document", age_document),
    ("answer", answer),
    ("dotenv", dotenv),
    ("manifest", manifest),
    ("page", page),
    ("profile", profile),
    ("request", request),
    ("scrubber", scrubber),
];

#[cfg(test)]
mod tests;
