//! The keys of a `[vaults.NAME]` table with `backend = "azure"`, and their checks.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cofferdam_config::base_url::BaseUrlRules;
use cofferdam_config::{Diagnostic, Diagnostics, quote};
use cofferdam_vault::{ConfiguredFile, SecretNames};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::names;

/// Maximum length of a prefix, which leaves room for a path in a name.
const MAX_PREFIX_BYTES: usize = 32;

/// Settings of a vault in Azure Key Vault. Relative paths of files are relative to the profile's file.
///
/// The login is one of `client_secret_file`, `certificate_file`, `token_file` and `managed_identity`. With `ambient`, it may
/// also be the workload identity that the environment names.
// No `Debug`: a secret may have been pasted where a path belongs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The URL of the Key Vault, for example `"https://my-vault.vault.azure.net"`. No redirect is followed.
    pub vault_url: String,
    /// The first part of every name: with `"cofferdam"`, `github/work` is the secret `cofferdam--github--work`. Absent: none.
    pub prefix: Option<String>,
    /// Names of secrets that are not named after their path, for example `{ "github/work" = "GitHubToken" }`. Absent or
    /// empty: every name is made of `prefix` and the path.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// The ID or a domain of the Entra tenant. Absent: `AZURE_TENANT_ID` if `ambient` is set; not needed for
    /// `managed_identity`.
    pub tenant_id: Option<String>,
    /// The client ID of the application, or of a user-assigned managed identity. Absent: `AZURE_CLIENT_ID` if `ambient` is
    /// set; for `managed_identity`, the identity that is assigned to the machine itself.
    pub client_id: Option<String>,
    /// A file with a client secret of the application. It is read at each login.
    pub client_secret_file: Option<PathBuf>,
    /// A PEM file with a certificate of the application and its RSA private key. It is read at each login.
    pub certificate_file: Option<PathBuf>,
    /// A file with a token that the application trusts: a workload identity, for example of a pod. It is read at each login.
    /// Absent: `AZURE_FEDERATED_TOKEN_FILE` if `ambient` is set.
    pub token_file: Option<PathBuf>,
    /// Whether to log in as the managed identity of this machine, through its metadata service. Absent: false.
    #[serde(default)]
    pub managed_identity: bool,
    /// Whether absent keys are taken from `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_FEDERATED_TOKEN_FILE`, and proxies
    /// from `HTTPS_PROXY` and similar variables. Absent: false, and no variable is read.
    #[serde(default)]
    pub ambient: bool,
    /// The URL of the server that issues access tokens. The login is sent there. Absent: that of the cloud of `vault_url`, or
    /// the metadata service for `managed_identity`.
    pub login_endpoint: Option<String>,
    /// Whether a URL may use plain `http` beyond loopback. Absent: false.
    #[serde(default)]
    pub insecure_http: bool,
}

impl Config {
    /// The URL of the Key Vault in one spelling.
    pub(crate) fn vault(&self) -> Option<String> {
        let any = BaseUrlRules { insecure_http: true, user_name: true };
        any.parse("vault_url", &self.vault_url).ok().map(|url| url.as_str().trim_end_matches('/').to_owned())
    }

    /// The mapping between paths and names, whose case does not matter.
    pub(crate) fn secret_names(&self) -> SecretNames {
        let prefix = names::prefix(self.prefix.as_deref()).to_ascii_lowercase();
        let lower = |(path, name): (&String, &String)| (path.clone(), name.to_ascii_lowercase());
        SecretNames::new(prefix, self.secrets.iter().map(lower).collect(), names::CODEC)
    }

    /// The keys of logins that are present.
    fn logins(&self) -> Vec<&'static str> {
        let keys = [
            ("client_secret_file", self.client_secret_file.is_some()),
            ("certificate_file", self.certificate_file.is_some()),
            ("token_file", self.token_file.is_some()),
            ("managed_identity", self.managed_identity),
        ];
        keys.into_iter().filter_map(|(key, present)| present.then_some(key)).collect()
    }

    /// Everything that is wrong with the settings by themselves.
    pub(crate) fn diagnostics(&self) -> Diagnostics {
        let mut found = Diagnostics::new();
        found.extend(invalid_url("vault_url", &self.vault_url, self.insecure_http));
        if let Some(url) = &self.login_endpoint {
            found.extend(invalid_url("login_endpoint", url, self.insecure_http));
        }
        if let Some(prefix) = &self.prefix
            && !(names::is_name(prefix) && prefix.len() <= MAX_PREFIX_BYTES)
        {
            let message = quote::predicate(prefix, "must be 1 to 32 letters, digits and `-`");
            found.error("prefix", message, "write for example \"cofferdam\"");
        }
        let help = "write the name of a secret: letters, digits and `-`";
        found.extend(SecretNames::check("secrets", &self.secrets, names::is_name, help));
        for (key, path) in [
            ("client_secret_file", &self.client_secret_file),
            ("certificate_file", &self.certificate_file),
            ("token_file", &self.token_file),
        ] {
            found.extend(path.as_deref().and_then(|path| ConfiguredFile::check(key, path)));
        }
        for (key, value) in [("tenant_id", &self.tenant_id), ("client_id", &self.client_id)] {
            if value.as_deref().is_some_and(|value| !is_id(value)) {
                found.error(
                    key,
                    "is not the ID of a directory or an application",
                    "copy it from the Azure portal",
                );
            }
        }
        match self.logins().as_slice() {
            [] if !self.ambient => found.error(
                "client_secret_file",
                "is missing, so this vault has no login",
                "name a file, or set `managed_identity = true` on a machine of Azure",
            ),
            [] | [_] => {}
            [_, second, ..] => found.error(*second, "is a second login", "remove all logins but one"),
        }
        if !self.managed_identity && !self.ambient {
            for (key, value) in [("tenant_id", &self.tenant_id), ("client_id", &self.client_id)] {
                if value.is_none() {
                    found.error(
                        key,
                        "is missing",
                        "copy it from the overview of the application in the Azure portal",
                    );
                }
            }
        }
        found
    }
}

/// Whether `text` has the characters of IDs and domains.
fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    (1..=253).contains(&text.len()) && text.bytes().all(allowed)
}

/// What is wrong with the URL of a server. Credentials are sent there.
fn invalid_url(key: &str, url: &str, insecure_http: bool) -> Option<Diagnostic> {
    match (BaseUrlRules { insecure_http, user_name: false }).parse(key, url) {
        Ok(url) if url.path() != "/" => Some(Diagnostic::error(
            key,
            "contains a path",
            "write for example \"https://my-vault.vault.azure.net\"",
        )),
        Ok(_) => None,
        Err(invalid) => Some(invalid),
    }
}
