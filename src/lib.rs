//! Cofferdam: an MCP server whose credentials stay in one vault per module, walled off from the model, from the
//! MCP host and from each other.
//!
//! The modules in reading order, from the vault outwards:
//!
//! - [`profile`]: a TOML file in, a checked [`profile::Profile`] or every problem at once out
//! - [`caller`]: who makes a call
//! - [`broker`]: the Token Broker: (user, module, account) in, a credential out, through the module's compartment
//! - [`manifest`]: the files that describe modules; a text in, a checked [`manifest::Manifest`] out
//! - [`registry`]: which modules and tools there are, and what a caller may see of them
//! - [`connectors`]: how a tool reaches its service
//! - [`catalogue`]: the modules that ship with the binary
//! - [`calls`]: one call, from the model's arguments to the answer it gets
//! - [`mcp`]: the meta-tools over rmcp
//! - [`http`]: routes, middleware, health
//! - [`cli`]: one file per command; composes all of the above
//! - `braces`: texts with names in braces
//! - `names`: what to say of a name that nobody knows
//! - [`os`]: what is particular to an operating system

mod braces;
pub mod broker;
pub mod caller;
pub mod calls;
pub mod catalogue;
pub mod cli;
pub mod connectors;
pub mod http;
pub mod manifest;
pub mod mcp;
mod names;
pub mod os;
pub mod profile;
pub mod registry;
