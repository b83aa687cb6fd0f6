//! Real MCP clients, as their makers publish them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::{self, Unavailable};

/// The Python SDK's version.
const PYTHON_MCP: &str = "2.3.0";
const PACKAGE_JSON: &str = include_str!("../../clients/package.json");
const PACKAGE_LOCK: &str = include_str!("../../clients/package-lock.json");

/// The Python client SDK in an environment of its own.
#[derive(Debug)]
pub struct PythonClients {
    /// The interpreter that has `mcp`.
    pub python: PathBuf,
}

/// The TypeScript SDK, the Inspector, and the Node.js that runs them.
#[derive(Debug)]
pub struct NodeClients {
    /// Node.js 22.
    pub node: PathBuf,
    /// The folder with `node_modules`.
    pub dir: PathBuf,
}

/// PyPI `mcp`.
///
/// # Errors
///
/// Where there is no `python3` with `venv`, or PyPI is out of reach.
pub fn python_clients() -> Result<PythonClients, Unavailable> {
    let remedy = "install Python 3.10 or newer with `venv` (Debian: python3-venv), with PyPI in reach";
    let dir = cache::filled(&format!("python-mcp-{PYTHON_MCP}"), |dir| {
        cache::python_environment(dir, &[&format!("mcp=={PYTHON_MCP}")], remedy)
    })?;
    Ok(PythonClients { python: dir.join("bin/python") })
}

/// npm `@modelcontextprotocol/sdk`, `@modelcontextprotocol/inspector` and `node`, as `tests/clients/package.json` pins them.
///
/// # Errors
///
/// Where there is no `npm`, or its registry is out of reach.
pub fn node_clients() -> Result<NodeClients, Unavailable> {
    let remedy = "install Node.js with npm (Debian: npm), with the npm registry in reach";
    let dir = cache::filled(&format!("node-clients-{}", fingerprint(PACKAGE_LOCK)), |dir| {
        let write = |name: &str, text: &str| {
            fs::write(dir.join(name), text)
                .map_err(|error| Unavailable::new("Node.js clients", error, remedy))
        };
        write("package.json", PACKAGE_JSON)?;
        write("package-lock.json", PACKAGE_LOCK)?;
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(dir);
        cache::run(&mut npm, "the Node.js MCP clients", remedy)
    })?;
    Ok(NodeClients { node: node_binary(&dir), dir })
}

fn node_binary(dir: &Path) -> PathBuf {
    dir.join("node_modules/.bin/node")
}

/// A short name for a text: FNV-1a, which only has to tell two lock files apart.
fn fingerprint(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
