//! A service whose name servers never answer.

use std::time::Duration;

use serde_json::json;

use super::hostile_client::{HostileClient, call};
use super::modules::SILENT;
use super::ongoing::{Least, Ongoing};
use super::{Failed, Pace};

/// How many callers there are.
const CALLERS: usize = 128;

/// After this time a caller gives up. The look-up that its call started may go on.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many calls have been given up once the attack is in place: more than tokio has threads for blocking work.
const GIVEN_UP: usize = 768;

/// Starts calls of the service.
pub(super) fn start(client: &HostileClient, pace: Pace) -> Result<Ongoing, Failed> {
    let mut attack = Ongoing::new(Least { begun: GIVEN_UP, ended: GIVEN_UP });
    client.send_repeatedly(&mut attack, CALLERS, &call(SILENT, "late", &json!({})), Some(PATIENCE), pace)?;
    Ok(attack)
}
