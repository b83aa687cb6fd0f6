//! The program as a whole, in situations of a user that need nothing but the program. `tests/real/end_to_end` has the others.

#![allow(clippy::panic, clippy::unwrap_used)] // a panic in a test is its report

mod upgrade;
