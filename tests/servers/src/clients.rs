//! Real MCP clients, as their makers publish them.

use std::path::{Path, PathBuf};

use crate::cache::{self, Unavailable};
use crate::npm::{self, Packages};

/// The Python SDK's version.
const PYTHON_MCP: &str = "2.3.0";

/// FastMCP's version.
const FASTMCP: &str = "4.1.2";

/// The TypeScript SDK, the Inspector, and the Node.js that runs them.
#[derive(Debug)]
pub struct NodeClients {
    /// Node.js 22.
    pub node: PathBuf,
    /// The folder with `node_modules`.
    pub dir: PathBuf,
}

/// The interpreter that has PyPI `mcp`.
///
/// # Errors
///
/// If there is no `python3` with `venv`, or PyPI cannot be reached.
pub fn python_mcp() -> Result<PathBuf, Unavailable> {
    python_client("mcp", PYTHON_MCP)
}

/// The interpreter that has PyPI `fastmcp`.
///
/// # Errors
///
/// As [`python_mcp`].
pub fn fastmcp() -> Result<PathBuf, Unavailable> {
    python_client("fastmcp", FASTMCP)
}

/// Each has its own environment, so that the requirements of one do not decide the versions of the other.
fn python_client(package: &str, version: &str) -> Result<PathBuf, Unavailable> {
    let remedy = "install Python 3.10 or newer with `venv` (Debian: python3-venv), and allow access to PyPI";
    let dir = cache::get_or_create(&format!("python-{package}-{version}"), |dir| {
        cache::python_environment(dir, &[&format!("{package}=={version}")], remedy)
    })?;
    Ok(dir.join("bin/python"))
}

/// npm `@modelcontextprotocol/sdk`, `@modelcontextprotocol/inspector`, `js-tiktoken` and `node`, as `tests/clients/package.json` pins them.
///
/// # Errors
///
/// If there is no `npm`, or its registry cannot be reached.
pub fn node_clients() -> Result<NodeClients, Unavailable> {
    let dir = npm::installed(Packages {
        name: "node-clients",
        what: "the Node.js MCP clients",
        json: include_str!("../../clients/package.json"),
        lock: include_str!("../../clients/package-lock.json"),
    })?;
    Ok(NodeClients { node: node_binary(&dir), dir })
}

fn node_binary(dir: &Path) -> PathBuf {
    dir.join("node_modules/.bin/node")
}
