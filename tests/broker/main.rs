//! One vault fails in every way there is, and nobody else notices.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests: there a panic is the report

mod crowds;
mod files;
mod matrix;
mod subjects;
mod world;
