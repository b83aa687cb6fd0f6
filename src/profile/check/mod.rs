//! From merged values of the right shape to settings: the meaning of each key, and whether the keys agree.

pub(super) mod access;
pub(super) mod modules;
pub(super) mod names;
pub(super) mod paths;
mod report;
pub(super) mod server;
mod tools;
pub(super) mod vaults;

pub(super) use report::Report;
