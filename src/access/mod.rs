//! Who calls. For now everyone is `local`: the person who started the process.
//!
//! A later identity (a JWT, an API key) enters here: the transports put a [`Caller`] next to each request, and
//! nothing behind them asks how it was found.

use std::sync::Arc;

use cofferdam_vault::SecretPath;

/// Whoever speaks MCP to us, after authentication. A clone is cheap, and the same caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller(Arc<Identity>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Identity {
    issuer: String,
    subject: String,
    /// Follows from the other two; reckoned once, and not on each call.
    path_segment: String,
}

impl Caller {
    /// The person who started the process: the only caller on stdio, and on loopback without authentication.
    pub fn local() -> Self {
        Self::new("cofferdam", "local")
    }

    fn new(issuer: &str, subject: &str) -> Self {
        let path_segment = SecretPath::user_segment(issuer, subject);
        Self(Arc::new(Identity { issuer: issuer.to_owned(), subject: subject.to_owned(), path_segment }))
    }

    /// The segment that stands for this caller in a path template with `{user}`.
    pub fn path_segment(&self) -> &str {
        &self.0.path_segment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_the_segment_of_its_identity() {
        assert_eq!(Caller::local().path_segment(), SecretPath::user_segment("cofferdam", "local"));
        assert_eq!(Caller::local(), Caller::local());
        assert_ne!(Caller::new("a", "b"), Caller::new("a", "c"));
    }
}
