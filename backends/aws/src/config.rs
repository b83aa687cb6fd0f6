//! The keys of a `[vaults.NAME]` table with `backend = "aws"`, and their checks.

use std::path::PathBuf;

use cofferdam_config::base_url::BaseUrlRules;
use cofferdam_config::{Diagnostic, Diagnostics, quote, text};
use cofferdam_vault::VaultContext;
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::checks;
use crate::settings::{Role, Settings};

/// The default recovery window, which is the longest that Secrets Manager allows.
const DEFAULT_RECOVERY_WINDOW_DAYS: u8 = 30;

/// Settings of a vault that is AWS Secrets Manager.
///
/// Credentials come from the standard chain: the environment's `AWS_…` variables, the AWS configuration files of this
/// user, a web identity token, the container, the instance. With `profile`, `config_file` or `credentials_file` they come
/// from those files alone.
// No `Debug`: a password may have been written into an address.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The region, for example `"eu-central-1"`. Absent: the one of the AWS profile in the AWS configuration files. If that
    /// names none, the vault is down.
    pub region: Option<String>,
    /// The prefix of every name: with `"cofferdam"`, `github/work` is the secret `cofferdam/github/work`. Absent: no prefix.
    pub prefix: Option<String>,
    /// The profile in the AWS configuration files that credentials come from. Absent: the standard chain, or `"default"` if
    /// one of the files is named.
    pub profile: Option<String>,
    /// The file to read instead of `~/.aws/config`. Absent: that one, or none if `credentials_file` is named.
    pub config_file: Option<PathBuf>,
    /// The file to read instead of `~/.aws/credentials`. Absent: that one, or none if `config_file` is named.
    pub credentials_file: Option<PathBuf>,
    /// The ARN of a role to assume with those credentials. Absent: the credentials are used themselves.
    pub assume_role: Option<String>,
    /// The external ID that the role's trust policy requires. Only with `assume_role`. Absent: none.
    pub external_id: Option<String>,
    /// The name of the role's session in CloudTrail. Only with `assume_role`. Absent: `"cofferdam"`.
    pub session_name: Option<String>,
    /// The URL of Secrets Manager, for a VPC endpoint or an emulator. Absent: the region's own.
    pub endpoint: Option<String>,
    /// The URL of the token service (STS) for `assume_role`. Absent: the region's own.
    pub sts_endpoint: Option<String>,
    /// Whether a URL may use plain `http` beyond loopback. Absent: false.
    #[serde(default)]
    pub insecure_http: bool,
    /// For how many days a deleted secret can be restored, 7 to 30. Absent: 30.
    pub recovery_window_days: Option<u8>,
    /// Refused: a profile must not contain secrets.
    #[serde(default)]
    #[schemars(skip)]
    access_key_id: Forbidden,
    /// Refused, like `access_key_id`.
    #[serde(default)]
    #[schemars(skip)]
    secret_access_key: Forbidden,
    /// Refused, like `access_key_id`.
    #[serde(default)]
    #[schemars(skip)]
    session_token: Forbidden,
}

/// Whether a forbidden key is present. Its value is not kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Forbidden(bool);

impl<'de> Deserialize<'de> for Forbidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

impl Config {
    /// For how many days a deleted secret can be restored.
    pub(crate) fn recovery_window_days(&self) -> u8 {
        self.recovery_window_days.unwrap_or(DEFAULT_RECOVERY_WINDOW_DAYS)
    }

    /// The service: AWS itself, whichever of its endpoints is used, or the address of an emulator.
    pub(crate) fn service(&self) -> String {
        const AWS: [&str; 2] = [".amazonaws.com", ".amazonaws.com.cn"];
        let any = BaseUrlRules { insecure_http: true, user_name: true };
        match self.endpoint.as_deref().and_then(|endpoint| any.parse("endpoint", endpoint).ok()) {
            Some(url) if !AWS.iter().any(|aws| url.host_str().is_some_and(|host| host.ends_with(aws))) => {
                url.as_str().trim_end_matches('/').to_owned()
            }
            _ => "AWS".to_owned(),
        }
    }

    /// The settings with paths relative to the profile's folder.
    pub(crate) fn resolve(self, context: &VaultContext) -> Settings {
        let resolve = |path: PathBuf| context.resolve(&path);
        Settings {
            region: self.region,
            profile: self.profile,
            config_file: self.config_file.map(resolve),
            credentials_file: self.credentials_file.map(resolve),
            role: self.assume_role.map(|arn| Role {
                arn,
                external_id: self.external_id,
                session_name: self.session_name.unwrap_or_else(|| "cofferdam".to_owned()),
                endpoint: self.sts_endpoint,
            }),
            endpoint: self.endpoint,
        }
    }

    /// Everything that is wrong with the settings by themselves.
    pub(crate) fn diagnostics(&self) -> Diagnostics {
        let mut found: Diagnostics = self.literals().collect();
        found.extend(self.invalid_values());
        for (key, url) in [("endpoint", &self.endpoint), ("sts_endpoint", &self.sts_endpoint)] {
            found.extend(url.as_deref().and_then(|url| invalid_endpoint(key, url, self.insecure_http)));
        }
        for (key, path) in [("config_file", &self.config_file), ("credentials_file", &self.credentials_file)]
        {
            if path.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
                found.error(key, "the path is empty", "name a file, or remove the key");
            }
        }
        for key in self.keys_without_role() {
            found.error(key, "has no effect without `assume_role`", "set `assume_role`, or remove the key");
        }
        if let Some(days) = self.recovery_window_days
            && !(7..=30).contains(&days)
        {
            let message = text!("{days} is out of range");
            found.error("recovery_window_days", message, "write a number of days from 7 to 30");
        }
        found
    }

    /// The secrets in the profile.
    fn literals(&self) -> impl Iterator<Item = Diagnostic> {
        [
            ("access_key_id", self.access_key_id),
            ("secret_access_key", self.secret_access_key),
            ("session_token", self.session_token),
        ]
        .into_iter()
        .filter(|(_, refused)| refused.0)
        .map(|(key, _)| {
            Diagnostic::error(
                key,
                "a profile must not contain credentials",
                "put it into a file as `aws configure` writes it, name that in `credentials_file`, and treat this \
                 credential as compromised",
            )
        })
    }

    /// The values that do not have the required form.
    fn invalid_values(&self) -> impl Iterator<Item = Diagnostic> {
        type Check = fn(&str) -> Option<&'static str>;
        let profile: Check = |text| text.is_empty().then_some("is empty");
        let checks: [(&str, &Option<String>, Check, &'static str); 6] = [
            ("region", &self.region, checks::region, "write for example \"eu-central-1\""),
            ("prefix", &self.prefix, checks::prefix, "write for example \"cofferdam\""),
            (
                "profile",
                &self.profile,
                profile,
                "name a profile of the AWS configuration files, or remove the key",
            ),
            (
                "assume_role",
                &self.assume_role,
                checks::role,
                "write for example \"arn:aws:iam::123456789012:role/cofferdam\"",
            ),
            (
                "external_id",
                &self.external_id,
                checks::external_id,
                "write the external ID of the role's trust policy",
            ),
            ("session_name", &self.session_name, checks::session_name, "write for example \"cofferdam-eu\""),
        ];
        checks.into_iter().filter_map(|(key, value, check, help)| {
            let value = value.as_deref()?;
            check(value).map(|why| Diagnostic::error(key, quote::predicate(value, why), help))
        })
    }

    /// The keys that have no effect without `assume_role`, if it is absent.
    fn keys_without_role(&self) -> impl Iterator<Item = &'static str> {
        [
            ("external_id", self.external_id.is_some()),
            ("session_name", self.session_name.is_some()),
            ("sts_endpoint", self.sts_endpoint.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, present)| present.then_some(key))
        .filter(|_| self.assume_role.is_none())
    }
}

/// What is wrong with the URL of a service. Requests to it are signed with credentials.
fn invalid_endpoint(key: &str, url: &str, insecure_http: bool) -> Option<Diagnostic> {
    match (BaseUrlRules { insecure_http, user_name: false }).parse(key, url) {
        Ok(url) if url.path() != "/" => Some(Diagnostic::error(
            key,
            "contains a path",
            "write for example \"https://vpce-0a1b.secretsmanager.eu-central-1.vpce.amazonaws.com\"",
        )),
        Ok(_) => None,
        Err(invalid) => Some(invalid),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use cofferdam_vault::BackendConfig as _;
    use cofferdam_vault::testkit::exercise_settings;

    use super::*;

    fn diagnostics(settings: &str) -> Diagnostics {
        toml::from_str::<Config>(settings).map_err(|error| error.message().to_owned()).unwrap().diagnostics()
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for good in [
            "https://vpce-1.secretsmanager.eu-central-1.vpce.amazonaws.com",
            "http://127.0.0.1:5000",
            "http://[::1]:1",
            "http://localhost/",
        ] {
            assert_eq!(invalid_endpoint("endpoint", good, false), None, "{good}");
        }
        assert!(invalid_endpoint("endpoint", "http://moto.internal:5000", false).is_some());
        assert_eq!(invalid_endpoint("endpoint", "http://moto.internal:5000", true), None);
        for bad in [
            "",
            "moto:5000",
            "ftp://127.0.0.1",
            "https://ada@host",
            "https://:pw@host",
            "https://host/path",
            "https://host/?q",
        ] {
            assert!(invalid_endpoint("endpoint", bad, true).is_some(), "{bad}");
        }
    }

    #[test]
    fn valid_settings_are_accepted() {
        for good in [
            "",
            "region = 'eu-central-1'\nprefix = 'cofferdam'\nendpoint = 'http://127.0.0.1:5000'\n\
             assume_role = 'arn:aws:iam::123456789012:role/cofferdam'",
            "profile = 'staging'\nconfig_file = 'aws/config'\ncredentials_file = 'aws/credentials'",
            "assume_role = 'arn:aws:iam::123456789012:role/r'\nexternal_id = 'ab'\nsession_name = 'me'",
            "recovery_window_days = 7",
        ] {
            assert_eq!(diagnostics(good), Diagnostics::new(), "{good}");
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
            let found: Vec<_> = diagnostics(settings).into_iter().map(|problem| problem.key).collect();
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
            let found = diagnostics(settings);
            assert!(found.iter().any(|problem| problem.key == key), "{settings}");
            assert!(!format!("{found:?}").contains("canary"), "{found:?}");
        }
    }

    #[test]
    fn the_schema_documents_each_key_and_has_none_for_a_credential() {
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
    fn the_prefix_parts_two_vaults_over_one_store() {
        let config = |settings: &str| toml::from_str::<Config>(settings).unwrap();
        exercise_settings(
            &config("region = 'eu-central-1'"),
            &config("region = 'eu-central-1'\nprefix = 'x'"),
        );
    }

    #[test]
    fn vaults_are_in_one_store_unless_service_region_or_account_differ() {
        let store = |settings: &str| toml::from_str::<Config>(settings).unwrap().store(Path::new("/site"));
        let role =
            |account: &str| format!("region = 'eu-central-1'\nassume_role = 'arn:aws:iam::{account}:role/r'");
        let first = store(&role("123456789012"));
        let endpoint = "endpoint = 'https://vpce-1.secretsmanager.eu-central-1.vpce.amazonaws.com'";
        for same in [
            &role("123456789012").replace("role/r", "role/other"),
            "region = 'eu-central-1'\nprofile = 'ci'",
            "",
            endpoint,
        ] {
            assert!(store(same).may_be(&first), "{same}");
        }
        for other in [&role("210987654321"), "region = 'eu-west-1'", "endpoint = 'http://127.0.0.1:5000'"] {
            assert!(!store(other).may_be(&first), "{other}");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(toml::from_str::<Config>("bucket = 'x'").is_err());
    }
}
