//! Why there is no credential: one message for the operator, and what the caller may know.

use std::time::{Duration, SystemTime};

use cofferdam_vault::VaultError;

/// Why there is no credential.
///
/// `Display` is the operator's message: it names vaults and paths, and never goes to the model.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BrokerError {
    /// The module has no such account, or no binding at all.
    #[error("module `{module}` has no account `{account}`")]
    UnknownAccount {
        /// The module that was asked for.
        module: String,
        /// The account that was asked for.
        account: String,
    },
    /// The vault is well, but this account's secret is absent, denied or malformed. The model gets `credential_missing`.
    #[error("vault `{vault}` has no usable credential for {module}/{account}: {source}")]
    Missing {
        /// The vault.
        vault: String,
        /// The module.
        module: String,
        /// The account.
        account: String,
        /// What the vault said.
        source: VaultError,
    },
    /// The vault is out of reach, and nothing cached may be served. The model gets `module_unavailable`.
    #[error("vault `{vault}` cannot serve: {source}")]
    Unavailable {
        /// The vault.
        vault: String,
        /// Since when, where it is known to be down.
        since: Option<SystemTime>,
        /// When it may be worth another try.
        retry_after: Option<Duration>,
        /// What the vault, or a wall around it, said.
        source: VaultError,
    },
}
