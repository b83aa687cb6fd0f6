//! How an MCP host reaches this server: over HTTP, or as a child process.

use std::net::SocketAddr;
use std::path::Path;

use crate::cli::exit::CommandError;
use crate::http::reachable_address;
use cofferdam_config::{quote, text};

/// How an MCP host reaches this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Transport {
    /// The host calls a running `cofferdam serve`.
    Http {
        /// The URL of `/mcp`.
        url: String,
    },
    /// The host starts a server of its own.
    Stdio {
        /// The absolute path of this program.
        command: String,
        /// Its arguments.
        args: Vec<String>,
    },
}

impl Transport {
    /// Creates the transport to a server that listens on `address`.
    pub(in crate::cli) fn http(address: SocketAddr) -> Self {
        Self::Http { url: format!("http://{}/mcp", reachable_address(address)) }
    }

    /// Creates the transport that starts this program. `profile` must not depend on the working directory, since a host
    /// may start its servers in any folder.
    ///
    /// # Errors
    ///
    /// Returns a failure if the path of this program is unknown, or if a path is not UTF-8 and JSON cannot hold it.
    pub(in crate::cli) fn stdio(profile: &Path) -> Result<Self, CommandError> {
        let program = std::env::current_exe().map_err(|error| {
            CommandError::failure(
                text!("cannot determine the path of this program: {error}"),
                "start the program by its absolute path",
            )
        })?;
        let args = ["serve", "--stdio", "--profile"].into_iter().map(str::to_owned);
        Ok(Self::Stdio { command: utf8(&program)?, args: args.chain([utf8(profile)?]).collect() })
    }
}

fn utf8(path: &Path) -> Result<String, CommandError> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        CommandError::failure(
            text!("the path {} is not UTF-8, and JSON cannot hold it", quote::path(path)),
            "move it to a path that is UTF-8",
        )
    })
}
