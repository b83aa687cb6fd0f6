//! Why there is no credential, for the operator and for the caller.

use std::time::{Duration, SystemTime};

use cofferdam_vault::VaultError;

/// Why there is no credential.
///
/// `Display` is the operator's message. It names vaults and paths and must not reach the model.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BrokerError {
    /// The module has no such account, or no binding.
    #[error("module `{module}` has no account `{account}`")]
    UnknownAccount {
        /// The requested module.
        module: String,
        /// The requested account.
        account: String,
    },
    /// The vault works, but this account's secret is absent, denied or malformed. The model gets `credential_missing`.
    #[error("vault `{vault}` has no usable credential for {module}/{account}: {source}")]
    Missing {
        /// The vault.
        vault: String,
        /// The module.
        module: String,
        /// The account.
        account: String,
        /// The vault's error.
        source: VaultError,
    },
    /// The vault is unreachable, and nothing cached may be served. The model gets `module_unavailable`.
    #[error("vault `{vault}` is unavailable: {source}")]
    Unavailable {
        /// The vault.
        vault: String,
        /// When the circuit opened or the cache ran out. `None` if the circuit is not open.
        since: Option<SystemTime>,
        /// When a retry may succeed. `None` if unknown.
        retry_after: Option<Duration>,
        /// The error of the vault, or of a layer of its compartment.
        source: VaultError,
    },
}
