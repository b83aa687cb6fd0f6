//! Diagnoses the files, the token, and which vaults the token reaches.

use cofferdam_config::{Diagnostics, Text, quote, text};

use crate::connect::{Connect, VaultEntry};

/// How many other vaults a diagnosis names.
const MAX_NAMED: usize = 3;

/// The name of a vault of this server for other vaults of the profile.
pub(crate) fn resource(connect: &Connect, vault: &str) -> String {
    format!("{} {vault}", connect.client.location())
}

/// Diagnoses the vault. `foreign` are [resources](resource) of other vaults of the profile.
pub(crate) async fn diagnose(connect: &Connect, foreign: &[String], found: &mut Diagnostics) {
    found.warning(
        "",
        "not verified: this backend was never run against a real Connect server, only against its API description",
        "check that each account below is present, and report what differs",
    );
    connect.client.diagnose(&Connect::heartbeat(), found).await;
    // If the server does not respond, the probe reports it.
    let Ok(vaults) = connect.vaults().await else { return };
    let own = connect.vault.as_str();
    let others: Vec<&VaultEntry> =
        vaults.iter().filter(|vault| vault.id != own && vault.name != own).collect();
    let is_foreign = |vault: &&&VaultEntry| {
        [&vault.id, &vault.name].iter().any(|name| foreign.contains(&resource(connect, name)))
    };
    let help =
        "create a token for this vault alone: `op connect token create NAME --server SERVER --vault VAULT,r`";
    if let Some(vault) = others.iter().find(is_foreign) {
        let message =
            text!("the token can read another vault of this profile: {}", quote::string(&vault.name));
        found.error("", message, help);
    } else if others.is_empty() {
        found.info("", "the token reaches no other vault");
    } else {
        let named = Text::join(others.iter().take(MAX_NAMED).map(|vault| quote::string(&vault.name)), ", ");
        let more = others.len().saturating_sub(MAX_NAMED);
        let more = if more > 0 { text!(" and {more} more") } else { Text::default() };
        found.warning("", text!("the token also reaches {named}{more}"), help);
    }
}
