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

mod scrubber;

pub use scrubber::scrubber;

/// A target: it panics if the input breaks a promise.
pub type Target = fn(&[u8]);

/// Every target by name.
pub const TARGETS: &[(&str, Target)] = &[("scrubber", scrubber)];

#[cfg(test)]
mod tests;
