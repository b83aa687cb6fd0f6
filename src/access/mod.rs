//! Who calls. For now everyone is `local`: the person who started the process.
//!
//! A later identity (a JWT, an API key) enters here: the transports put a [`Caller`] next to each request, and
//! nothing behind them asks how it was found.

use cofferdam_vault::SecretPath;

/// Whoever speaks MCP to us, after authentication.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    issuer: String,
    subject: String,
}

impl Caller {
    /// The person who started the process: the only caller on stdio, and on loopback without authentication.
    pub fn local() -> Self {
        Self { issuer: "cofferdam".into(), subject: "local".into() }
    }

    /// The segment that stands for this caller in a path template with `{user}`.
    pub fn path_segment(&self) -> String {
        SecretPath::user_segment(&self.issuer, &self.subject)
    }
}
