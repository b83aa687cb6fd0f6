//! The keys of a `[vaults.NAME]` table with `backend = "aws"`.

use std::path::PathBuf;
use std::sync::Arc;

use cofferdam_config::{Diagnostic, Diagnostics};
use cofferdam_vault::{BackendConfig, Vault, VaultContext};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::backend::AwsVault;
use crate::{checks, login};

/// The days that a deleted secret can be restored, where the profile names none: as many as Secrets Manager takes.
const RECOVERY_WINDOW_DAYS: u8 = 30;

/// Settings of a vault that is AWS Secrets Manager.
///
/// Credentials come from the standard chain: the environment's `AWS_…` variables, the AWS configuration files of this
/// user, a web identity token, the container, the instance. With `profile`, `config_file` or `credentials_file` they come
/// from those files alone.
// No `Debug`: a password may have been written into an address.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The region, for example `"eu-central-1"`. Absent: the one of the AWS profile in the AWS configuration files; where
    /// that names none, the vault is down.
    pub region: Option<String>,
    /// What stands before every name: with `"cofferdam"`, `github/work` is the secret `cofferdam/github/work`.
    /// Absent: nothing.
    pub prefix: Option<String>,
    /// The profile in the AWS configuration files that credentials come from. Absent: the standard chain, or
    /// `"default"` where one of the files is named.
    pub profile: Option<String>,
    /// The file that is read in place of `~/.aws/config`. Absent: that one, or none where `credentials_file` is named.
    pub config_file: Option<PathBuf>,
    /// The file that is read in place of `~/.aws/credentials`. Absent: that one, or none where `config_file` is named.
    pub credentials_file: Option<PathBuf>,
    /// The ARN of a role to take on with those credentials. Absent: they are used themselves.
    pub assume_role: Option<String>,
    /// What the role's owner asks for beside the credentials. Only with `assume_role`; absent: nothing.
    pub external_id: Option<String>,
    /// What the role's session is called in AWS's own logs. Only with `assume_role`; absent: `"cofferdam"`.
    pub session_name: Option<String>,
    /// The address of Secrets Manager, for a VPC endpoint or a stand-in. Absent: the region's own.
    pub endpoint: Option<String>,
    /// The address of the token service that `assume_role` asks. Absent: the region's own.
    pub sts_endpoint: Option<String>,
    /// Whether an address may be plain `http` beyond this machine. Absent: no.
    #[serde(default)]
    pub insecure_http: bool,
    /// How many days a deleted secret can be restored, 7 to 30. Absent: 30.
    pub recovery_window_days: Option<u8>,
    /// Refused: a secret never stands in a profile.
    #[serde(default)]
    #[schemars(skip)]
    access_key_id: Refused,
    /// Refused, as `access_key_id`.
    #[serde(default)]
    #[schemars(skip)]
    secret_access_key: Refused,
    /// Refused, as `access_key_id`.
    #[serde(default)]
    #[schemars(skip)]
    session_token: Refused,
}

/// Whether a key that is never taken was there. Its value is not kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Refused(bool);

impl<'de> Deserialize<'de> for Refused {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

impl Config {
    fn refused(&self) -> impl Iterator<Item = Diagnostic> {
        [
            ("access_key_id", self.access_key_id),
            ("secret_access_key", self.secret_access_key),
            ("session_token", self.session_token),
        ]
        .into_iter()
        .filter(|(_, there)| there.0)
        .map(|(key, _)| {
            Diagnostic::error(
                key,
                "a credential never stands in a profile",
                "put it into a file as `aws configure` writes it, name that in `credentials_file`, and treat this \
                 credential as known to others",
            )
        })
    }

    /// The first of the keys that only mean something with `assume_role`.
    fn without_role(&self) -> impl Iterator<Item = &'static str> {
        [
            ("external_id", self.external_id.is_some()),
            ("session_name", self.session_name.is_some()),
            ("sts_endpoint", self.sts_endpoint.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, there)| there.then_some(key))
        .filter(|_| self.assume_role.is_none())
    }

    fn settings(self, context: &VaultContext) -> login::Settings {
        let resolve = |path: PathBuf| context.resolve(&path);
        login::Settings {
            region: self.region,
            profile: self.profile,
            config_file: self.config_file.map(resolve),
            credentials_file: self.credentials_file.map(resolve),
            role: self.assume_role.map(|arn| login::Role {
                arn,
                external_id: self.external_id,
                session_name: self.session_name.unwrap_or_else(|| "cofferdam".to_owned()),
                endpoint: self.sts_endpoint,
            }),
            endpoint: self.endpoint,
        }
    }
}

impl BackendConfig for Config {
    const BACKEND: &'static str = "aws";

    fn check(&self) -> Diagnostics {
        let mut problems: Diagnostics = self.refused().collect();
        let mut check =
            |key: &str, text: &Option<String>, why: &dyn Fn(&str) -> Option<&'static str>, remedy: &str| {
                if let Some(why) = text.as_deref().and_then(why) {
                    problems.push(Diagnostic::error(key, why, remedy));
                }
            };
        let empty = |text: &str| text.is_empty().then_some("is empty");
        let address = |text: &str| checks::endpoint(text, self.insecure_http);
        let https = "write for example \"https://vpce-0a1b.secretsmanager.eu-central-1.vpce.amazonaws.com\"; plain http \
                     beyond this machine needs `insecure_http = true`";
        check("region", &self.region, &checks::region, "write for example \"eu-central-1\"");
        check("prefix", &self.prefix, &checks::prefix, "write for example \"cofferdam\"");
        check(
            "profile",
            &self.profile,
            &empty,
            "name a profile of the AWS configuration files, or leave the key out",
        );
        check(
            "assume_role",
            &self.assume_role,
            &checks::role,
            "write for example \"arn:aws:iam::123456789012:role/cofferdam\"",
        );
        check("external_id", &self.external_id, &checks::external_id, "write what the role's owner gave");
        check(
            "session_name",
            &self.session_name,
            &checks::session_name,
            "write for example \"cofferdam-eu\"",
        );
        check("endpoint", &self.endpoint, &address, https);
        check("sts_endpoint", &self.sts_endpoint, &address, https);
        for (key, path) in [("config_file", &self.config_file), ("credentials_file", &self.credentials_file)]
        {
            if path.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
                problems.push(Diagnostic::error(
                    key,
                    "the path is empty",
                    "name a file, or leave the key out",
                ));
            }
        }
        for key in self.without_role() {
            problems.push(Diagnostic::error(
                key,
                "means nothing without `assume_role`",
                "name the role, or leave the key out",
            ));
        }
        if self.recovery_window_days.is_some_and(|days| !(7..=30).contains(&days)) {
            problems.push(Diagnostic::error(
                "recovery_window_days",
                "is not 7 to 30",
                "write a number of days from 7 to 30",
            ));
        }
        problems
    }

    fn into_vault(self, context: VaultContext) -> Arc<dyn Vault> {
        let prefix = self.prefix.clone();
        let days = self.recovery_window_days.unwrap_or(RECOVERY_WINDOW_DAYS);
        let settings = self.settings(&context);
        Arc::new(AwsVault::new(settings, prefix, days, login::http_client(), context.threads))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(settings: &str) -> Diagnostics {
        toml::from_str::<Config>(settings).map_err(|error| error.message().to_owned()).unwrap().check()
    }

    #[test]
    fn what_the_design_shows_is_taken() {
        for good in [
            "",
            "region = 'eu-central-1'\nprefix = 'cofferdam'\nendpoint = 'http://127.0.0.1:5000'\n\
             assume_role = 'arn:aws:iam::123456789012:role/cofferdam'",
            "profile = 'staging'\nconfig_file = 'aws/config'\ncredentials_file = 'aws/credentials'",
            "assume_role = 'arn:aws:iam::123456789012:role/r'\nexternal_id = 'ab'\nsession_name = 'me'",
            "recovery_window_days = 7",
        ] {
            assert_eq!(problems(good), Diagnostics::new(), "{good}");
        }
    }

    #[test]
    fn each_problem_names_its_key() {
        for (settings, keys) in [
            ("region = 'Frankfurt'", &["region"][..]),
            ("prefix = '/x'", &["prefix"]),
            ("profile = ''", &["profile"]),
            ("config_file = ''\ncredentials_file = ''", &["config_file", "credentials_file"]),
            ("assume_role = 'cofferdam'", &["assume_role"]),
            ("external_id = 'ab'\nsession_name = 'me'", &["external_id", "session_name"]),
            ("endpoint = 'http://example.com'", &["endpoint"]),
            ("recovery_window_days = 31", &["recovery_window_days"]),
            ("region = ''\nprefix = ''", &["region", "prefix"]),
        ] {
            let found: Vec<_> = problems(settings).into_iter().map(|problem| problem.key).collect();
            assert_eq!(found, keys, "{settings}");
        }
    }

    #[test]
    fn a_secret_in_the_profile_is_refused_and_not_printed() {
        for (settings, key) in [
            ("secret_access_key = 'canary'", "secret_access_key"),
            ("access_key_id = 'canary'", "access_key_id"),
            ("session_token = ['canary']", "session_token"),
            ("endpoint = 'https://ada:canary@example.com'", "endpoint"),
        ] {
            let found = problems(settings);
            assert!(found.iter().any(|problem| problem.key == key), "{settings}");
            assert!(!format!("{found:?}").contains("canary"), "{found:?}");
        }
    }

    #[test]
    fn the_schema_explains_each_key_and_offers_none_for_a_credential() {
        let schema = serde_json::to_value(schemars::schema_for!(Config)).unwrap();
        let keys = schema["properties"].as_object().unwrap();
        assert!(keys.contains_key("assume_role") && !keys.contains_key("secret_access_key"));
        for (key, described) in keys {
            assert!(
                described["description"].as_str().is_some_and(|words| words.contains("bsent: ")),
                "{key}"
            );
        }
        assert_eq!(schema["additionalProperties"], false);
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(toml::from_str::<Config>("bucket = 'x'").is_err());
    }
}
