//! `doctor --server`: whether the server of the profile responds.

use cofferdam_config::text;
use serde_json::json;

use super::healthz::{self, Health};
use crate::cli::Common;
use crate::cli::compose::{environment, load};
use crate::cli::exit::{CommandError, Exit};
use crate::cli::output::Output;
use crate::http::reachable_address;

/// Prints one line, and fails if the server does not respond. Accesses no vault.
pub(super) async fn run(common: &Common, output: Output) -> Result<Exit, CommandError> {
    let (profile, _) = load(&common.profile, &environment([]))?;
    let listen = profile.server.listen;
    if listen.port() == 0 {
        return Err(CommandError::usage(
            "`server.listen` of the profile has port 0, so the port of its server is unknown",
            "set a port for `serve` and for this command, for example COFFERDAM__SERVER__LISTEN=127.0.0.1:7080",
        ));
    }
    let address = reachable_address(listen);
    match healthz::get(address).await {
        Health::Cofferdam => {}
        Health::Other(why) => {
            return Err(CommandError::failure(text!("http://{address}/healthz {why}"), ""));
        }
        Health::Unreachable(why) => {
            return Err(CommandError::failure(text!("no server responds at http://{address}: {why}"), ""));
        }
    }
    if output.is_json() {
        output.document(&json!({ "address": address, "alive": true }));
    } else {
        output.line(format_args!("the server at http://{address} responds"));
    }
    Ok(Exit::Success)
}
