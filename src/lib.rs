//! Cofferdam: an MCP server that calls services for a language model without revealing their credentials.
//!
//! Each module (a service such as GitHub) has its credentials in a vault of its own. A vault that fails disables its
//! modules only.
//!
//! The modules of this crate, from the vaults to the command line:
//!
//! - [`profile`]: parses a TOML file into a checked [`profile::Profile`], or reports all of its problems
//! - [`broker`]: the Token Broker, which returns the credential for a user, module and account from the module's compartment
//! - [`manifest`]: parses the file that describes a module into a checked [`manifest::Manifest`]
//! - [`registry`]: the modules and tools, and which of them a caller can see
//! - [`connectors`]: calls the services
//! - [`catalogue`]: the modules that are included in the binary
//! - [`caller`]: the identity of a caller
//! - [`calls`]: one tool call, from its arguments to its result
//! - [`mcp`]: the meta-tools over rmcp
//! - [`http`]: routes, middleware, health and metrics
//! - [`cli`]: the commands, which build the application from the parts above
//! - [`memory_budget`]: the memory for what arrives from outside
//! - `json_meter`: how much memory a JSON text takes once it is decoded
//! - `placeholders`: strings with placeholders in braces
//! - `background`: threads for work that takes long
//! - [`os`]: OS-specific code, with fallbacks for other platforms

mod background;
pub mod broker;
pub mod caller;
pub mod calls;
pub mod catalogue;
pub mod cli;
pub mod connectors;
pub mod http;
mod json_meter;
pub mod manifest;
pub mod mcp;
pub mod memory_budget;
pub mod os;
mod placeholders;
pub mod profile;
pub mod registry;

/// The allocator. Its background threads give memory back to the system after a burst, which the system's allocator keeps:
/// 20 s after eight large requests at once, 31 MB of 80 were left, and 65 of 65. `.cargo/config.toml` has its settings.
///
/// It is set here and not in the binary, so that the programs that measure the server measure it with this allocator. A fuzz
/// target needs the allocator of its sanitizer, which finds uses after free, leaks and allocations that are too large.
#[cfg(all(target_os = "linux", target_env = "gnu", not(fuzzing)))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
