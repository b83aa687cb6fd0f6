//! The MCP hosts: the file in which each keeps its servers, and the format of an entry.
//!
//! | host | documentation |
//! |---|---|
//! | Claude Code | <https://code.claude.com/docs/en/mcp> |
//! | Claude Desktop | <https://modelcontextprotocol.io/docs/develop/connect-local-servers> |
//! | Cursor | <https://cursor.com/docs/mcp.md> |
//! | VS Code | <https://code.visualstudio.com/docs/copilot/reference/mcp-configuration> |
//! | MCP Inspector | <https://github.com/modelcontextprotocol/inspector> |
//!
//! As of November 2026.

use std::env::{home_dir, var_os};
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::transport::Transport;
use crate::os::settings_dir;

/// The name of this server in every host.
pub(super) const SERVER: &str = "cofferdam";

/// An MCP host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Host {
    /// Claude Code
    ClaudeCode,
    /// Claude Desktop, which starts its servers itself: --stdio is implied
    ClaudeDesktop,
    /// Cursor
    Cursor,
    /// VS Code
    Vscode,
    /// MCP Inspector
    Inspector,
}

impl Host {
    /// Returns the product name.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::ClaudeCode => "Claude Code",
            Self::ClaudeDesktop => "Claude Desktop",
            Self::Cursor => "Cursor",
            Self::Vscode => "VS Code",
            Self::Inspector => "MCP Inspector",
        }
    }

    /// Returns the top-level key that holds the servers.
    pub(super) fn key(self) -> &'static str {
        if self == Self::Vscode { "servers" } else { "mcpServers" }
    }

    /// Returns whether the host accepts comments and trailing commas.
    pub(super) fn accepts_comments(self) -> bool {
        self == Self::Vscode
    }

    /// Returns whether the host's file can only name servers that the host starts itself.
    pub(super) fn starts_its_servers(self) -> bool {
        self == Self::ClaudeDesktop
    }

    /// Returns the entry of this server below [`Host::key`].
    pub(super) fn entry(self, transport: &Transport) -> Map<String, Value> {
        let kind = match (self, transport) {
            (Self::ClaudeDesktop, _) | (Self::Cursor, Transport::Http { .. }) => None,
            (Self::Inspector, Transport::Http { .. }) => Some("streamable-http"),
            (_, Transport::Http { .. }) => Some("http"),
            (_, Transport::Stdio { .. }) => Some("stdio"),
        };
        let mut entry: Map<String, Value> =
            kind.map(|kind| ("type".to_owned(), kind.into())).into_iter().collect();
        match transport {
            Transport::Http { url } => {
                entry.insert("url".to_owned(), json!(url));
            }
            Transport::Stdio { command, args } => {
                entry.insert("command".to_owned(), json!(command));
                entry.insert("args".to_owned(), json!(args));
            }
        }
        entry
    }

    /// Returns a whole file with this server only, as a snippet to paste.
    pub(in crate::cli) fn snippet(self, transport: &Transport) -> Value {
        json!({ self.key(): { SERVER: self.entry(transport) } })
    }

    /// Returns the host's own file for all projects of this user, or `None` without a home folder.
    pub(super) fn file(self) -> Option<PathBuf> {
        let variable = |name| var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        match self {
            Self::ClaudeCode => {
                variable("CLAUDE_CONFIG_DIR").or_else(home_dir).map(|dir| dir.join(".claude.json"))
            }
            Self::ClaudeDesktop => {
                settings_dir().map(|dir| dir.join("Claude").join("claude_desktop_config.json"))
            }
            Self::Cursor => home_dir().map(|home| home.join(".cursor").join("mcp.json")),
            Self::Vscode => settings_dir().map(|dir| dir.join("Code").join("User").join("mcp.json")),
            Self::Inspector => variable("MCP_CATALOG_PATH")
                .or_else(|| home_dir().map(|home| home.join(".mcp-inspector").join("mcp.json"))),
        }
    }
}
