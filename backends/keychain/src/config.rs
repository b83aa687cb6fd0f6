//! The keys of a `[vaults.NAME]` table with `backend = "keychain"`, and their checks.

use cofferdam_config::{Diagnostic, Diagnostics, quote};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::bus_address::BusAddress;

/// The longest `service`, in bytes.
const SERVICE_MAX_BYTES: usize = 64;

/// The keychain of the person who is logged in: the default collection of the Secret Service (Linux), the login keychain
/// (macOS), or the Credential Manager (Windows).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The service of the items: the secret `github/work` is the item with this `service` and the `username` (on macOS the
    /// account) `github/work`. At most 64 letters, digits, `.`, `_` and `-`. Absent: `"cofferdam"`.
    #[serde(default = "default_service")]
    pub service: String,
    /// The D-Bus address of the session bus, which must be a Unix socket, for example `"unix:path=/run/user/1000/bus"`.
    /// Absent: `DBUS_SESSION_BUS_ADDRESS`, else the socket `bus` in `XDG_RUNTIME_DIR`, else in `/run/user/UID`. Not used on
    /// macOS and Windows.
    pub bus_address: Option<String>,
}

fn default_service() -> String {
    "cofferdam".to_owned()
}

impl Config {
    /// Everything that is wrong with the settings by themselves.
    pub(crate) fn diagnostics(&self) -> Diagnostics {
        [self.check_service(), self.check_bus_address()].into_iter().flatten().collect()
    }

    fn check_service(&self) -> Option<Diagnostic> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let valid = (1..=SERVICE_MAX_BYTES).contains(&self.service.len())
            && self.service.bytes().all(allowed)
            // It is part of messages.
            && !quote::looks_like_a_credential(&self.service);
        let message = || quote::predicate(&self.service, "is not the name of a service");
        let help = "write 1 to 64 letters, digits, `.`, `_` and `-`, for example \"cofferdam\"";
        (!valid).then(|| Diagnostic::error("service", message(), help))
    }

    fn check_bus_address(&self) -> Option<Diagnostic> {
        let address = self.bus_address.as_deref()?;
        let help = "write the address of a Unix socket, for example \"unix:path=/run/user/1000/bus\"";
        BusAddress::parse(address)
            .is_none()
            .then(|| Diagnostic::error("bus_address", "this is not the address of a Unix socket", help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(settings: &str) -> Vec<String> {
        let config: Config = toml::from_str(settings).unwrap();
        config.diagnostics().into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn every_key_has_a_default() {
        let config: Config = toml::from_str("").unwrap();
        assert_eq!(config, Config { service: "cofferdam".to_owned(), bus_address: None });
        assert!(config.diagnostics().is_empty());
    }

    #[test]
    fn wrong_settings_are_reported_by_key() {
        let none: [&str; 0] = [];
        assert_eq!(keys("service = 'my.Team_1-x'\nbus_address = 'unix:abstract=/tmp/dbus-x,guid=00'"), none);
        for service in
            ["", "a/b", "a b", "ä", "a\tb", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", &"s".repeat(65)]
        {
            assert_eq!(keys(&format!("service = '{service}'")), ["service"], "{service:?}");
        }
        for address in
            ["", "/run/user/1000/bus", "tcp:host=localhost,port=1", "unixexec:path=sh", "unix:path="]
        {
            assert_eq!(keys(&format!("bus_address = '{address}'")), ["bus_address"], "{address:?}");
        }
        assert!(toml::from_str::<Config>("collection = 'login'").is_err());
    }
}
