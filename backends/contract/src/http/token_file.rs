//! A token that a person or another program stores in a file.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cofferdam_config::{Diagnostic, Text, quote, text};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::header::SecretHeader;
use super::message::parse;
use crate::expiry::{TimeLeft, rate_expiry};
use crate::{ConfiguredFile, SecretFormat, Threads, VaultError};

/// A token in a file.
///
/// The file is read for each request. So a new token is used at once, whatever the file system reports as times and inodes,
/// and a token that the server rejects is read again by the next attempt. No copy stays in memory between requests.
#[derive(Debug, Clone)]
pub struct TokenFile {
    file: ConfiguredFile,
    threads: Threads,
}

impl TokenFile {
    /// The token in `file`, which is read on `threads`.
    pub fn new(file: ConfiguredFile, threads: Threads) -> Self {
        Self { file, threads }
    }

    /// The file.
    pub fn file(&self) -> &ConfiguredFile {
        &self.file
    }

    /// The value of `Authorization` with the token as it is now.
    ///
    /// # Errors
    ///
    /// Those of [`ConfiguredFile::read_secret`] and [`SecretHeader::new`].
    pub async fn header(&self) -> Result<SecretHeader, VaultError> {
        SecretHeader::new("Bearer ", &self.read().await?)
    }

    /// Rates when the token expires, if it is a JWT. `None` if it cannot be read, which the probe reports.
    pub async fn diagnose(&self, now: SystemTime) -> Option<Diagnostic> {
        let token = self.read().await.ok()?;
        let help =
            text!("put a new one into {}, which is read for each request", quote::path(self.file.path()));
        Some(rate_token(&token, now, help))
    }

    /// The token as it is now.
    ///
    /// # Errors
    ///
    /// Those of [`ConfiguredFile::read_secret`].
    pub async fn read(&self) -> Result<SecretString, VaultError> {
        let file = self.file.clone();
        self.threads.run(move || file.read_secret(SecretFormat::Word)).await
    }
}

/// Rates when `token` expires, which nobody replaces before. `help` says how to.
pub fn rate_token(token: &SecretString, now: SystemTime, help: Text) -> Diagnostic {
    match token_expiry(token) {
        Ok(Some(end)) => match end.duration_since(now) {
            Err(_) => Diagnostic::error("", "the token has expired", help),
            Ok(left) => rate_expiry(left, text!("the token expires in {}", TimeLeft(left)), help),
        },
        Ok(None) => Diagnostic::warning("", "the token never expires, so a stolen one stays valid", help),
        Err(NotAJwt) => Diagnostic::warning(
            "",
            "the token is not a JWT, so its expiry is unknown",
            "check where it was issued",
        ),
    }
}

/// A token whose claims cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token is not a JWT")]
pub struct NotAJwt;

/// When a JWT expires; `None` if it does not. The signature is for the server to verify.
///
/// # Errors
///
/// If it is not a JWT.
pub fn token_expiry(token: &SecretString) -> Result<Option<SystemTime>, NotAJwt> {
    #[derive(Deserialize)]
    struct Claims {
        exp: Option<u64>,
    }
    let mut parts = token.expose_secret().split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(NotAJwt);
    };
    let claims = URL_SAFE_NO_PAD.decode(claims).map(Zeroizing::new).map_err(|_| NotAJwt)?;
    let claims: Claims = parse(&claims).map_err(|_| NotAJwt)?;
    // A time that the clock cannot represent is as far away as never.
    Ok(claims.exp.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds))))
}

#[cfg(test)]
mod tests {
    use cofferdam_config::Severity;

    use super::*;

    #[test]
    fn a_token_is_rated_by_its_expiry() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let rated = |token: String| {
            let found = rate_token(&token.into(), now, "replace it".into());
            assert!(!format!("{found:?}").contains("canary"), "{found:?}");
            (found.severity, found.message)
        };
        let jwt = |claims: &str| rated(format!("eyJ.{}.canary", URL_SAFE_NO_PAD.encode(claims)));
        for (claims, severity, said) in [
            (r#"{"exp":1799999999,"a":"canary"}"#, Severity::Error, "has expired"),
            (r#"{"exp":1800003600}"#, Severity::Error, "expires in 1h 0m"),
            (r#"{"exp":1800172800}"#, Severity::Warning, "expires in 2d 0h"),
            (r#"{"exp":1808640000}"#, Severity::Info, "expires in 100d 0h"),
            (r#"{"aud":"canary"}"#, Severity::Warning, "never expires"),
            (r#"{"exp":"canary"}"#, Severity::Warning, "not a JWT"),
            ("canary", Severity::Warning, "not a JWT"),
        ] {
            let found = jwt(claims);
            assert!(found.0 == severity && found.1.contains(said), "{claims}: {found:?}");
        }
        for token in ["canary", "canary.canary", "a.canary.c.d", "a.!canary!.c"] {
            assert!(rated(token.to_owned()).1.contains("not a JWT"), "{token}");
        }
    }
}
