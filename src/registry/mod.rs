//! Which modules and tools there are, and what a caller may see of them.

mod tool;

pub use tool::{Account, Effects, Module, SideEffect, Tool};
