//! Prism: a mock server that checks each request against an API description; and the descriptions that vendors publish.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::Unavailable;
use crate::npm::{self, Packages};
use crate::ports;
use crate::process::Running;

/// The descriptions that vendors publish themselves.
#[derive(Debug)]
pub struct ApiDescriptions {
    /// GitHub's REST API, OpenAPI 3.0: npm `@octokit/openapi` (MIT).
    pub github: PathBuf,
    /// Notion's API, OpenAPI 3.1: npm `@notionhq/notion-mcp-server` (MIT).
    pub notion: PathBuf,
}

/// A running Prism that responds as one description says, and rejects what does not match it.
///
/// It accepts some bodies that do not match, and returns 500 if the description's own example does not match its
/// schema. A test must therefore check the body too, and the reason for a 500.
#[derive(Debug)]
pub struct Prism {
    port: u16,
    _running: Running,
}

impl Prism {
    /// Starts it on a free loopback port.
    ///
    /// # Errors
    ///
    /// If Node.js is missing, npm's registry cannot be reached, or it does not start.
    pub fn start(description: &Path) -> Result<Self, Unavailable> {
        let failed = |why: &dyn std::fmt::Display| {
            Unavailable::new("Prism", why, "install Node.js 20 or newer (Debian: nodejs, npm)")
        };
        let port = ports::free().map_err(|error| failed(&error))?;
        let mut command = Command::new("node");
        command
            .arg(installed()?.join("node_modules/@stoplight/prism-cli/dist/index.js"))
            .args(["mock", "--errors", "-h", "127.0.0.1", "-p", &port.to_string()])
            .arg(description);
        let running = Running::start(&mut command).map_err(|error| failed(&error))?;
        ports::wait_for(port, "/").ok_or_else(|| failed(&running.stderr()))?;
        Ok(Self { port, _running: running })
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// The descriptions that vendors publish.
///
/// # Errors
///
/// If there is no `npm`, or its registry cannot be reached.
pub fn api_descriptions() -> Result<ApiDescriptions, Unavailable> {
    let modules = installed()?.join("node_modules");
    Ok(ApiDescriptions {
        github: modules.join("@octokit/openapi/generated/api.github.com.json"),
        notion: modules.join("@notionhq/notion-mcp-server/scripts/notion-openapi.json"),
    })
}

fn installed() -> Result<PathBuf, Unavailable> {
    npm::installed(Packages {
        name: "prism",
        what: "Prism and the vendors' API descriptions",
        json: include_str!("../prism/package.json"),
        lock: include_str!("../prism/package-lock.json"),
    })
}
