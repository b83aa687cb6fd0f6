//! The keys of a `[vaults.NAME]` table with `backend = "onepassword"`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cofferdam_config::{Diagnostics, text};
use cofferdam_vault::SecretPath;
use cofferdam_vault::http::ServerKeys;
use schemars::JsonSchema;
use serde::Deserialize;

/// Settings of a vault of 1Password behind a Connect server. Relative paths of files are relative to the profile's file.
// No `Debug`: a token may have been pasted where a path belongs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The Connect server's base URL, for example `"https://connect.example.internal"`. No redirect is followed.
    pub address: String,
    /// A file with the access token of the Connect server. It is read for each request, so a new token is used at once.
    pub token_file: PathBuf,
    /// The title or the ID of the vault in 1Password, for example `"Team"`. The token must reach exactly one vault of that
    /// title.
    pub vault: String,
    /// The titles or IDs of items whose title is not the path of the secret, for example `{ "github/work" = "GitHub bot" }`.
    /// Absent or empty: the title of each item is the path, for example `github/work`.
    #[serde(default)]
    pub items: BTreeMap<String, String>,
    /// A PEM file with the CA certificates to verify the server with; no other CA is trusted then. Absent: the system's CAs.
    pub ca_file: Option<PathBuf>,
    /// Whether the address may use plain `http` beyond loopback. The token and secrets then cross the network unencrypted.
    /// Absent: false.
    #[serde(default)]
    pub insecure_http: bool,
}

/// How the settings name a vault or an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    Id(String),
    Title(String),
}

impl Name {
    /// 26 lowercase letters and digits are an ID, and everything else is a title.
    pub(crate) fn new(text: &str) -> Self {
        let of_an_id = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_id = text.len() == 26 && text.bytes().all(of_an_id);
        if is_id { Self::Id(text.to_owned()) } else { Self::Title(text.to_owned()) }
    }

    /// The item of the secret at `path`, by the key `items`.
    pub(crate) fn of_item(items: &BTreeMap<String, String>, path: &SecretPath) -> Self {
        Self::new(items.get(path.as_str()).map_or(path.as_str(), String::as_str))
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Id(text) | Self::Title(text) => text,
        }
    }
}

impl Config {
    pub(crate) fn keys(&self) -> ServerKeys<'_> {
        ServerKeys {
            address: &self.address,
            insecure_http: self.insecure_http,
            token_file: &self.token_file,
            ca_file: self.ca_file.as_deref(),
        }
    }

    /// Everything that is wrong with the settings by themselves.
    pub(crate) fn diagnostics(&self) -> Diagnostics {
        let mut found = self.keys().check();
        let mut check = |key: &str, title: &str| {
            if title.trim().is_empty() {
                found.error(key, "is empty", "write the title or the ID as 1Password shows it");
            } else if title.chars().any(|c| c.is_control() || matches!(c, '"' | '\\')) {
                let message = "contains a quotation mark, a backslash or a control character";
                found.error(key, message, "write the ID instead of the title");
            }
        };
        check("vault", &self.vault);
        self.items.values().for_each(|title| check("items", title));
        for path in self.items.keys() {
            if let Err(error) = path.parse::<SecretPath>() {
                let help = "name a module and an account, for example \"github/work\"";
                found.error("items", text!("{error}"), help);
            }
        }
        found
    }
}
