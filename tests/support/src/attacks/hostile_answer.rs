//! Answers that are small on the wire or in memory, and large once they are decoded.

use serde_json::json;

use super::hostile_client::{HostileClient, call};
use super::modules::GITHUB;
use super::ongoing::{Least, Ongoing};
use super::{Failed, Pace};

/// The repository whose issues are sent as they are.
pub(super) const PLAIN: &str = "plain";

/// The repository whose issues are sent compressed.
pub(super) const COMPRESSED: &str = "compressed";

/// How many calls of the module run at once.
const AT_ONCE: usize = 8;

/// Starts calls of the catalogue's `list_issues`, whose `select` reads the whole answer.
pub(super) fn start(client: &HostileClient, repository: &str, pace: Pace) -> Result<Ongoing, Failed> {
    let body = call(GITHUB, "list_issues", &json!({ "owner": "hostile", "repo": repository }));
    let mut attack = Ongoing::new(Least { begun: 2 * AT_ONCE, ended: AT_ONCE });
    client.send_repeatedly(&mut attack, AT_ONCE, &body, None, pace)?;
    Ok(attack)
}
