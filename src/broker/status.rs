//! The status of a vault, for people and for health routes.

use std::time::SystemTime;

use super::compartment::{Compartment, CompartmentState};

/// The status of a vault, for people and for health routes.
#[derive(Debug, Clone)]
pub struct VaultStatus {
    /// The vault's name.
    pub name: String,
    /// The backend's name.
    pub backend: &'static str,
    /// Where the store is. Safe for logs and for operators, but not for the model.
    pub location: String,
    /// What the vault opens the store or logs in with: names, never content.
    pub sources: Vec<String>,
    /// Ready, degraded or down.
    pub state: CompartmentState,
    /// Why the vault is not ready, for an operator.
    pub reason: Option<String>,
    /// When the vault entered this state.
    pub since: SystemTime,
}

impl VaultStatus {
    /// The current status of the vault in `compartment`.
    pub(super) fn new(compartment: &Compartment) -> Self {
        let info = compartment.vault().info();
        let status = compartment.status();
        Self {
            name: compartment.name().to_owned(),
            backend: info.backend,
            location: info.location.clone(),
            sources: info.sources.clone(),
            state: status.state,
            reason: status.reason,
            since: status.since,
        }
    }
}
