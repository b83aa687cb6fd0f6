//! Requests that are large once they are decoded, from a caller that nobody knows.

use super::hostile_client::{HostileClient, call};
use super::hostile_service::{LARGEST, many_objects};
use super::modules::HONEST;
use super::ongoing::{Least, Ongoing};
use super::{Failed, Pace};

/// How many requests are sent at once.
const AT_ONCE: usize = 8;

/// What the arguments are written for.
const PLACEHOLDER: &str = "\"HERE\"";

/// Starts requests of nearly the size that is accepted.
pub(super) fn start(client: &HostileClient, pace: Pace) -> Result<Ongoing, Failed> {
    let text = call(HONEST[0], "whoami", &serde_json::json!({ "x": "HERE" }));
    let text = String::from_utf8_lossy(&text);
    let body = text.replacen(PLACEHOLDER, &many_objects(LARGEST - text.len()), 1).into();
    let mut attack = Ongoing::new(Least { begun: 2 * AT_ONCE, ended: AT_ONCE });
    client.send_repeatedly(&mut attack, AT_ONCE, &body, None, pace)?;
    Ok(attack)
}
