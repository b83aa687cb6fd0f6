//! The key-value engine's mount: where secrets are stored, and whether the engine there is the configured one.
//!
//! With a wrong mount or engine version every read returns 404, as an absent secret does. So the first 404 counts only
//! after the server has confirmed which engine is mounted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam_vault::http::StatusCode;
use cofferdam_vault::{ErrorKind, SecretPath, VaultError};
use serde::Deserialize;

use crate::endpoint;
use crate::response;
use crate::session_manager::SessionManager;
use crate::settings::KvVersion;

/// The mount, and the folder in it.
pub(crate) struct Mount {
    pub(crate) sessions: Arc<SessionManager>,
    pub(crate) name: String,
    prefix: Option<String>,
    kv: KvVersion,
    /// Whether the server has confirmed the engine and its version.
    confirmed: AtomicBool,
}

impl Mount {
    pub(crate) fn new(
        sessions: Arc<SessionManager>,
        name: String,
        prefix: Option<String>,
        kv: KvVersion,
    ) -> Self {
        Self { sessions, name, prefix, kv, confirmed: AtomicBool::new(false) }
    }

    /// Whether the engine keeps versions.
    pub(crate) fn is_v2(&self) -> bool {
        self.kv == KvVersion::V2
    }

    /// The path below the mount of the secret `path`, or of the whole folder.
    pub(crate) fn at(&self, path: Option<&SecretPath>) -> String {
        let parts = [self.prefix.as_deref(), path.map(SecretPath::as_str)];
        parts.into_iter().flatten().collect::<Vec<_>>().join("/")
    }

    /// The path of the secret `path` in the terms of policies.
    pub(crate) fn policy_path(&self, path: &SecretPath) -> String {
        let data = if self.is_v2() { "data/" } else { "" };
        format!("{}/{data}{}", self.name, self.at(Some(path)))
    }

    /// A path in this mount and outside the folder; `None` if the vault uses the whole mount.
    pub(crate) fn path_outside_folder(&self) -> Option<String> {
        let data = if self.is_v2() { "data/" } else { "" };
        self.prefix.as_ref().map(|_| format!("{}/{data}cofferdam-doctor-elsewhere/none", self.name))
    }

    /// Records that the engine responded as the configured one does.
    pub(crate) fn confirm(&self) {
        self.confirmed.store(true, Ordering::Relaxed);
    }

    /// Checks the engine, so that a 404 means an absent secret.
    ///
    /// # Errors
    ///
    /// `Misconfigured` if there is no such engine, and the errors of the request.
    pub(crate) async fn check(&self) -> Result<(), VaultError> {
        #[derive(Deserialize)]
        struct Mounted {
            #[serde(default, rename = "type")]
            engine: String,
            #[serde(default)]
            options: Option<Options>,
        }
        #[derive(Deserialize)]
        struct Options {
            #[serde(default)]
            version: Option<String>,
        }
        if self.confirmed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let misconfigured = |message: String| {
            let (name, location) = (&self.name, &self.sessions.location);
            VaultError::vault(ErrorKind::Misconfigured, format!("`{name}` at {location} {message}"))
        };
        // The server returns 403 for a missing mount. The read before was not denied, so the policy is not the cause.
        let missing = || {
            misconfigured("is not mounted; correct `mount`, or enable a key-value engine there".to_owned())
        };
        let (response, _) = self.sessions.send(&endpoint::mounted(&self.name), missing).await?;
        if response.status != StatusCode::OK {
            // A proxy in between does not know the endpoint: accept the 404.
            return Ok(());
        }
        let Ok(mounted) = response::data::<Mounted>(&response.body) else { return Ok(()) };
        if !matches!(mounted.engine.as_str(), "kv" | "generic") {
            let engine = mounted.engine;
            return Err(misconfigured(format!("has type `{engine}`, not key-value; correct `mount`")));
        }
        let version = mounted.options.and_then(|options| options.version);
        let kv = if version.as_deref() == Some("2") { KvVersion::V2 } else { KvVersion::V1 };
        if kv != self.kv {
            let number = if kv == KvVersion::V2 { 2 } else { 1 };
            return Err(misconfigured(format!(
                "is a key-value engine of version {number}; set `kv = {number}`"
            )));
        }
        self.confirm();
        Ok(())
    }

    /// The error of a denied request: the policy lacks `capability` on `path`.
    pub(crate) fn denied(&self, capability: &str, path: &str) -> VaultError {
        VaultError::secret(
            ErrorKind::Denied,
            format!(
                "the policy at {} does not allow `{capability}` on {path}; add it to the role's policy",
                self.sessions.location
            ),
        )
    }

    /// The error of an absent secret.
    pub(crate) fn absent(&self, what: &str, path: &SecretPath) -> VaultError {
        let message = format!(
            "{} has {what} at {}/{}; `cofferdam secret set` writes it",
            self.sessions.location,
            self.name,
            self.at(Some(path))
        );
        VaultError::secret(ErrorKind::NotFound, message)
    }

    /// The error of a secret that is not an object of fields, or of a request that the engine rejects as invalid.
    pub(crate) fn malformed(&self, why: &str, path: &SecretPath) -> VaultError {
        let message = format!("{}/{} {why}", self.name, self.at(Some(path)));
        VaultError::secret(ErrorKind::Malformed, message)
    }
}
