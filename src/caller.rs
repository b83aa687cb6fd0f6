//! Who makes a call. Every caller is currently `local`: the person who started the process.
//!
//! The transports attach a [`Caller`] to each request. The code behind them does not depend on how the caller was
//! authenticated, so a further kind of identity (a JWT, an API key) needs a constructor here and a transport.

use std::sync::{Arc, LazyLock};

use cofferdam_vault::SecretPath;

/// An authenticated MCP client. Clones are cheap and compare equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller(Arc<Identity>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Identity {
    issuer: String,
    subject: String,
    /// Derived from issuer and subject; computed once.
    path_segment: SecretPath,
}

impl Caller {
    /// The person who started the process: the only caller on stdio and on unauthenticated loopback.
    pub fn local() -> Self {
        // Each request has one, and its path segment is a hash.
        static LOCAL: LazyLock<Caller> = LazyLock::new(|| Caller::new("cofferdam", "local"));
        LOCAL.clone()
    }

    fn new(issuer: &str, subject: &str) -> Self {
        let path_segment = SecretPath::user_segment(issuer, subject);
        Self(Arc::new(Identity { issuer: issuer.to_owned(), subject: subject.to_owned(), path_segment }))
    }

    /// The path segment that replaces `{user}` in a path template.
    pub fn path_segment(&self) -> &SecretPath {
        &self.0.path_segment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_the_segment_of_its_identity() {
        assert_eq!(*Caller::local().path_segment(), SecretPath::user_segment("cofferdam", "local"));
        assert_eq!(Caller::local(), Caller::local());
        assert_ne!(Caller::new("a", "b"), Caller::new("a", "c"));
    }
}
