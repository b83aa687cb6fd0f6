//! The keys of a `[vaults.NAME]` table with `backend = "gcp"`, and their checks.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cofferdam_config::base_url::BaseUrlRules;
use cofferdam_config::{Diagnostic, Diagnostics, quote};
use cofferdam_vault::{ConfiguredFile, SecretNames};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::names;

/// Maximum length of a prefix, which leaves room for a path in an ID.
const MAX_PREFIX_BYTES: usize = 64;

/// The domain of Google's services.
const GOOGLE: &str = ".googleapis.com";

/// Settings of a vault in Google Cloud Secret Manager. Relative paths of files are relative to the profile's file.
///
/// The login is `credentials_file` or `metadata`. With `ambient`, it may also be the application default credentials.
// No `Debug`: a key may have been pasted where a path belongs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The ID or the number of the project, for example `"my-project"`.
    pub project: String,
    /// The first part of every ID: with `"cofferdam"`, `github/work` is the secret `cofferdam__github__work`. Absent: none.
    pub prefix: Option<String>,
    /// IDs of secrets that are not named after their path, for example `{ "github/work" = "GITHUB_TOKEN" }`. Absent or
    /// empty: every ID is made of `prefix` and the path.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// A file with credentials as JSON: the key of a service account, the file that `gcloud auth application-default login`
    /// writes, or the configuration of a workload identity federation whose token is in a file. It is read at each login.
    /// Absent: `metadata`, or `ambient`.
    pub credentials_file: Option<PathBuf>,
    /// Whether to log in as the service account of this machine or pod, through the metadata server. Absent: false.
    #[serde(default)]
    pub metadata: bool,
    /// Whether an absent login is taken from the application default credentials (the file that
    /// `GOOGLE_APPLICATION_CREDENTIALS` names, else the one that `gcloud auth application-default login` writes, else the
    /// metadata server), and proxies from `HTTPS_PROXY` and similar variables. Absent: false, and no variable is read.
    #[serde(default)]
    pub ambient: bool,
    /// The URL of Secret Manager, for a private endpoint or an emulator. Absent: `"https://secretmanager.googleapis.com"`.
    pub endpoint: Option<String>,
    /// The URL of the servers that issue access tokens, if it is not Google's. Credentials are sent there. Absent: Google's
    /// own, whichever the login needs.
    pub login_endpoint: Option<String>,
    /// Whether a URL may use plain `http` beyond loopback. Absent: false.
    #[serde(default)]
    pub insecure_http: bool,
}

impl Config {
    /// The URL of Secret Manager.
    pub(crate) fn endpoint(&self) -> &str {
        self.endpoint.as_deref().unwrap_or("https://secretmanager.googleapis.com")
    }

    /// The service: Google's, whichever of its endpoints is used, or the address of an emulator.
    pub(crate) fn service(&self) -> String {
        let any = BaseUrlRules { insecure_http: true, user_name: true };
        match any.parse("endpoint", self.endpoint()) {
            Ok(url) if !url.host_str().is_some_and(|host| host.ends_with(GOOGLE)) => {
                url.as_str().trim_end_matches('/').to_owned()
            }
            _ => "Google".to_owned(),
        }
    }

    /// The mapping between paths and IDs.
    pub(crate) fn secret_names(&self) -> SecretNames {
        SecretNames::new(names::prefix(self.prefix.as_deref()), self.secrets.clone(), names::CODEC)
    }

    /// Everything that is wrong with the settings by themselves.
    pub(crate) fn diagnostics(&self) -> Diagnostics {
        let mut found = Diagnostics::new();
        if !is_project(&self.project) {
            let message = quote::predicate(&self.project, "is not the ID or the number of a project");
            found.error("project", message, "write for example \"my-project\"");
        }
        if let Some(prefix) = &self.prefix
            && !(names::is_id(prefix) && prefix.len() <= MAX_PREFIX_BYTES)
        {
            let message = quote::predicate(prefix, "must be 1 to 64 letters, digits, `_` and `-`");
            found.error("prefix", message, "write for example \"cofferdam\"");
        }
        let help = "write the ID of a secret: letters, digits, `_` and `-`";
        found.extend(SecretNames::check("secrets", &self.secrets, names::is_id, help));
        found.extend(
            self.credentials_file.as_deref().and_then(|path| ConfiguredFile::check("credentials_file", path)),
        );
        if self.credentials_file.is_some() && self.metadata {
            found.error("metadata", "is a second login beside `credentials_file`", "remove one of them");
        }
        if self.credentials_file.is_none() && !self.metadata && !self.ambient {
            found.error(
                "credentials_file",
                "is missing, so this vault has no login",
                "name a file with credentials, or set `metadata = true` on a machine of Google Cloud",
            );
        }
        for (key, url) in [("endpoint", &self.endpoint), ("login_endpoint", &self.login_endpoint)] {
            found.extend(url.as_deref().and_then(|url| invalid_endpoint(key, url, self.insecure_http)));
        }
        found
    }
}

/// The ID of a project, perhaps of one with a domain (`example.com:my-project`), or its number.
fn is_project(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:".contains(&byte);
    (1..=63).contains(&text.len()) && text.bytes().all(allowed)
}

/// What is wrong with the URL of a server. Credentials are sent there.
fn invalid_endpoint(key: &str, url: &str, insecure_http: bool) -> Option<Diagnostic> {
    match (BaseUrlRules { insecure_http, user_name: false }).parse(key, url) {
        Ok(url) if url.path() != "/" => {
            Some(Diagnostic::error(key, "contains a path", "write for example \"https://api.example\""))
        }
        Ok(_) => None,
        Err(invalid) => Some(invalid),
    }
}
