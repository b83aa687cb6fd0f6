//! The two ways on which a host reaches this server.

use std::net::SocketAddr;
use std::path::Path;

use super::super::exit::CommandError;
use crate::http::reachable_address;

/// How a host reaches this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Transport {
    /// It calls the server that `serve` runs.
    Http {
        /// The address of `/mcp`.
        url: String,
    },
    /// It starts a server of its own.
    Stdio {
        /// This program, from the root on.
        command: String,
        /// Its arguments.
        args: Vec<String>,
    },
}

impl Transport {
    /// To a server that listens on `address`.
    pub(in crate::cli) fn http(address: SocketAddr) -> Self {
        Self::Http { url: format!("http://{}/mcp", reachable_address(address)) }
    }

    /// To this program, with a profile that `profile` names from any folder: nobody knows where a host starts its servers.
    ///
    /// # Errors
    ///
    /// Where the program's path is not known, or is no text that JSON could hold.
    pub(in crate::cli) fn stdio(profile: &Path) -> Result<Self, CommandError> {
        let program = std::env::current_exe().map_err(|error| {
            CommandError::failure(
                format!("the system does not say where this program is: {error}"),
                "start it by its whole path, and try again",
            )
        })?;
        let args = ["serve", "--stdio", "--profile"].into_iter().map(str::to_owned);
        Ok(Self::Stdio { command: text(&program)?, args: args.chain([text(profile)?]).collect() })
    }
}

fn text(path: &Path) -> Result<String, CommandError> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        CommandError::failure(
            format!("{} is no UTF-8 text, and a host's file could not hold it", path.display()),
            "move it to a path of plain text",
        )
    })
}
