//! Calls that only wait: for each other, for a place at their service, or for a vault.

use serde_json::json;

use super::hostile_client::{HostileClient, call};
use super::modules::{HUNG, NARROW, QUEUE};
use super::ongoing::{Least, Ongoing};
use super::vault_proxy::Hanging;
use super::{Failed, Pace};

/// The server's `max_calls`.
pub(super) const MAX_CALLS: usize = 40;

/// How many calls are sent at once: more than the server runs.
const AT_ONCE: usize = 60;

/// Starts calls of a tool that is not concurrency-safe.
pub(super) fn serialized(client: &HostileClient, pace: Pace) -> Result<Ongoing, Failed> {
    start(client, QUEUE, "late_one_by_one", pace)
}

/// Starts calls of a module whose service may be called twice at once.
pub(super) fn in_flight(client: &HostileClient, pace: Pace) -> Result<Ongoing, Failed> {
    start(client, NARROW, "late", pace)
}

/// Starts calls of a module on a vault that hangs.
pub(super) fn hung_vault(client: &HostileClient, hanging: Hanging, pace: Pace) -> Result<Ongoing, Failed> {
    Ok(start(client, HUNG, "late", pace)?.with_hanging_vault(hanging))
}

fn start(client: &HostileClient, module: &str, tool: &str, pace: Pace) -> Result<Ongoing, Failed> {
    let mut attack = Ongoing::new(Least { begun: AT_ONCE, ended: 0 });
    client.send_repeatedly(&mut attack, AT_ONCE, &call(module, tool, &json!({})), None, pace)?;
    Ok(attack)
}
