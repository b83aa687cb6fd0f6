//! What an operation does to the world outside.

use serde::{Deserialize, Serialize};

/// What an operation does to the world outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Effects {
    /// Whether it reads, writes or destroys.
    pub side_effect: SideEffect,
    /// Whether a second identical call changes nothing more.
    pub idempotent: bool,
    /// Whether two calls may run at the same time.
    pub concurrency_safe: bool,
}

/// Whether an operation reads, writes or destroys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SideEffect {
    /// It only reads.
    None,
    /// It adds or changes.
    Write,
    /// It deletes, or overwrites what cannot be restored.
    Destructive,
}
