//! A version of a secret as Key Vault describes it: when it may be used, and whether it replaces a deleted secret.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cofferdam_vault::{ErrorKind, VaultError};
use serde::Deserialize;

/// The content type of a version that replaces a deleted secret. A read treats it as absent.
pub(crate) const TOMBSTONE: &str = "application/vnd.cofferdam.deleted";

/// A secret or a version, without its value.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    /// The URL of the secret, or of the version.
    pub(crate) id: String,
    content_type: Option<String>,
    #[serde(default)]
    attributes: Attributes,
}

/// Times are in seconds since 1970.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Attributes {
    enabled: Option<bool>,
    /// The time before which it must not be used.
    nbf: Option<u64>,
    exp: Option<u64>,
    created: u64,
}

impl Entry {
    /// The name of the secret.
    pub(crate) fn name(&self) -> Option<&str> {
        let (_, path) = self.id.split_once("/secrets/")?;
        path.split('/').next().filter(|name| !name.is_empty())
    }

    /// The ID of the version.
    pub(crate) fn version(&self) -> Option<&str> {
        let (_, path) = self.id.split_once("/secrets/")?;
        path.split_once('/').map(|(_, version)| version).filter(|version| is_version(version))
    }

    /// When the version was created, in seconds since 1970.
    pub(crate) fn created(&self) -> u64 {
        self.attributes.created
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.attributes.enabled != Some(false)
    }

    /// Whether it replaces a deleted secret.
    pub(crate) fn is_tombstone(&self) -> bool {
        self.content_type.as_deref() == Some(TOMBSTONE)
    }

    /// The time left at `now`; `None` if it never expires.
    pub(crate) fn remaining(&self, now: SystemTime) -> Option<Duration> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.attributes.exp.map(|end| Duration::from_secs(end).saturating_sub(now))
    }

    /// Checks that it may be used at `now`. Key Vault itself returns expired secrets, and those that are not valid yet.
    ///
    /// # Errors
    ///
    /// `NotFound` (secret).
    pub(crate) fn check(&self, subject: &str, now: SystemTime) -> Result<(), VaultError> {
        let begin =
            UNIX_EPOCH + Duration::from_secs(self.attributes.nbf.unwrap_or_default().min(u32::MAX.into()));
        let why = if self.is_tombstone() {
            "is deleted; write it again"
        } else if !self.is_enabled() {
            "is disabled; enable it, or write it again"
        } else if self.remaining(now).is_some_and(|left| left.is_zero()) {
            "has expired; write a new version"
        } else if now < begin {
            "is not valid yet; correct its activation date"
        } else {
            return Ok(());
        };
        Err(VaultError::secret(ErrorKind::NotFound, format!("{subject} {why}")))
    }
}

/// Whether `text` is the ID of a version. It becomes part of a path.
fn is_version(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(json: &str) -> Entry {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn name_and_version_are_parts_of_the_id() {
        let of = |id: &str| {
            let entry = Entry { id: id.to_owned(), ..Entry::default() };
            (entry.name().map(str::to_owned), entry.version().map(str::to_owned))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of("https://v/secrets/a--b/0f"), (some("a--b"), some("0f")));
        assert_eq!(of("https://v/secrets/a--b"), (some("a--b"), None));
        assert_eq!(of("https://v/secrets/a/../x"), (some("a"), None));
        assert_eq!(of("https://v/keys/a"), (None, None));
    }

    #[test]
    fn only_what_may_be_used_now_is_used() {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let check = |attributes: &str| {
            let entry = entry(&format!(r#"{{"id": "", "attributes": {attributes}}}"#));
            entry.check("the secret a", now).map_err(|error| error.message().to_owned())
        };
        for good in ["{}", r#"{"enabled": true, "nbf": 1000, "exp": 1001}"#] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            (r#"{"enabled": false}"#, "disabled"),
            (r#"{"exp": 1000}"#, "expired"),
            (r#"{"nbf": 1001}"#, "not valid yet"),
            (r#"{"nbf": 18446744073709551615}"#, "not valid yet"),
        ] {
            assert!(check(bad).is_err_and(|message| message.contains(why)), "{bad}");
        }
        let left = entry(r#"{"id": "", "attributes": {"exp": 1060}}"#).remaining(now);
        assert_eq!(left, Some(Duration::from_secs(60)));
    }
}
