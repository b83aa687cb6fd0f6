//! The health routes: liveness and readiness.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::broker::{CompartmentState, VaultStatus};
use crate::caller::Caller;
use crate::calls::Calls;
use crate::registry::BrokenManifest;

/// The state behind the health routes.
#[derive(Debug, Clone)]
pub(super) struct Health {
    pub(super) calls: Arc<Calls>,
    pub(super) draining: CancellationToken,
}

/// Whether the server can serve anything. A single vault that is down is not a reason to restart the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ready,
    /// Every vault is down.
    Down,
    Draining,
}

/// The response for callers: the number of vaults in each state, without names.
#[derive(Debug, Serialize)]
struct Summary {
    status: Status,
    vaults: StateCounts,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct StateCounts {
    ready: usize,
    degraded: usize,
    down: usize,
}

/// The response for the operator: each vault and module by name.
#[derive(Debug, Serialize)]
struct Details<'a> {
    status: Status,
    vaults: Vec<Vault>,
    modules: Vec<Module>,
    /// Manifests that cannot be used. Their modules are absent.
    broken: &'a [BrokenManifest],
}

#[derive(Debug, Serialize)]
struct Vault {
    name: String,
    backend: &'static str,
    location: String,
    #[serde(flatten)]
    condition: Condition,
}

#[derive(Debug, Serialize)]
struct Module {
    name: String,
    vault: String,
    #[serde(flatten)]
    condition: Condition,
}

#[derive(Debug, Serialize)]
struct Condition {
    state: CompartmentState,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// RFC 3339, UTC.
    since: String,
}

impl From<&VaultStatus> for Condition {
    fn from(vault: &VaultStatus) -> Self {
        Self {
            state: vault.state,
            reason: vault.reason.clone(),
            since: humantime::format_rfc3339_seconds(vault.since).to_string(),
        }
    }
}

impl StateCounts {
    fn from_statuses(vaults: &[VaultStatus]) -> Self {
        let mut counts = Self::default();
        for vault in vaults {
            *match vault.state {
                CompartmentState::Ready => &mut counts.ready,
                CompartmentState::Degraded => &mut counts.degraded,
                CompartmentState::Down => &mut counts.down,
            } += 1;
        }
        counts
    }
}

impl Health {
    fn status(&self, vaults: &StateCounts) -> Status {
        if self.draining.is_cancelled() {
            Status::Draining
        } else if vaults.down > 0 && vaults.ready + vaults.degraded == 0 {
            Status::Down
        } else {
            Status::Ready
        }
    }
}

/// `GET /healthz`: the process is alive.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz` for callers.
pub(super) async fn summary(State(health): State<Health>) -> Response {
    let vaults = StateCounts::from_statuses(&health.calls.broker().vaults());
    let status = health.status(&vaults);
    (status_code(status), Json(Summary { status, vaults })).into_response()
}

/// `GET /readyz` for the operator.
pub(super) async fn details(State(health): State<Health>) -> Response {
    let broker = health.calls.broker();
    let vaults = broker.vaults();
    let status = health.status(&StateCounts::from_statuses(&vaults));
    let registry = health.calls.registry();
    let modules = registry
        .modules(&Caller::local())
        .filter_map(|module| {
            let vault = broker.module_vault(&module.name)?;
            Some(Module { name: module.name.clone(), condition: Condition::from(&vault), vault: vault.name })
        })
        .collect();
    let vaults = vaults
        .into_iter()
        .map(|vault| Vault {
            condition: Condition::from(&vault),
            name: vault.name,
            backend: vault.backend,
            location: vault.location,
        })
        .collect();
    (status_code(status), Json(Details { status, vaults, modules, broken: registry.broken() }))
        .into_response()
}

fn status_code(status: Status) -> StatusCode {
    match status {
        Status::Ready => StatusCode::OK,
        Status::Down | Status::Draining => StatusCode::SERVICE_UNAVAILABLE,
    }
}
