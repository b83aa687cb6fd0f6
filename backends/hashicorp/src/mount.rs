//! Where in the server the secrets lie, and whether the engine there is the one that the settings say.
//!
//! A wrong mount or engine version answers 404 to every read, as an absent secret does. So the first 404 is not
//! believed before the server has said what is mounted there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam_vault::{ErrorKind, SecretPath, VaultError};
use http::StatusCode;
use serde::Deserialize;

use crate::answer;
use crate::endpoint;
use crate::session::Sessions;
use crate::settings::Kv;

/// The key-value engine with the folder in it.
pub(crate) struct Mount {
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) name: String,
    prefix: Option<String>,
    kv: Kv,
    /// Whether the engine was seen to be there, in that version.
    seen: AtomicBool,
}

impl Mount {
    pub(crate) fn new(sessions: Arc<Sessions>, name: String, prefix: Option<String>, kv: Kv) -> Self {
        Self { sessions, name, prefix, kv, seen: AtomicBool::new(false) }
    }

    /// Whether the engine keeps versions.
    pub(crate) fn is_v2(&self) -> bool {
        self.kv == Kv::V2
    }

    /// Where `path`, or everything, lies below the mount.
    pub(crate) fn at(&self, path: Option<&SecretPath>) -> String {
        let parts = [self.prefix.as_deref(), path.map(SecretPath::as_str)];
        parts.into_iter().flatten().collect::<Vec<_>>().join("/")
    }

    /// Where `path` lies, as policies name it.
    pub(crate) fn place(&self, path: &SecretPath) -> String {
        let data = if self.is_v2() { "data/" } else { "" };
        format!("{}/{data}{}", self.name, self.at(Some(path)))
    }

    /// A place in this mount that is not in our folder; `None` where the whole mount is ours.
    pub(crate) fn beside(&self) -> Option<String> {
        let data = if self.is_v2() { "data/" } else { "" };
        self.prefix.as_ref().map(|_| format!("{}/{data}cofferdam-doctor-elsewhere/none", self.name))
    }

    /// Remembers that the engine answered as it should.
    pub(crate) fn confirm(&self) {
        self.seen.store(true, Ordering::Relaxed);
    }

    /// Whether a 404 may be believed.
    ///
    /// # Errors
    ///
    /// `Misconfigured` where there is no such engine; what else keeps the server from saying so.
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
        if self.seen.load(Ordering::Relaxed) {
            return Ok(());
        }
        let misconfigured = |why: String| {
            let message = format!("{} has {why} at `{}`", self.sessions.location, self.name);
            VaultError::vault(ErrorKind::Misconfigured, message)
        };
        // The server says 403 for a mount that is not there; the read before was not refused, so it is not our policy.
        let missing = || misconfigured("no engine; correct `mount`, or enable one".to_owned());
        let (answer, _) = self.sessions.send(&endpoint::mounted(&self.name), missing).await?;
        if answer.status != StatusCode::OK {
            // Something between us and the server does not know the question: believe the 404.
            return Ok(());
        }
        let Ok(mounted) = answer::data::<Mounted>(&answer.body) else { return Ok(()) };
        if !matches!(mounted.engine.as_str(), "kv" | "generic") {
            return Err(misconfigured(format!("the engine `{}` and no key-value engine", mounted.engine)));
        }
        let version = mounted.options.and_then(|options| options.version);
        let kv = if version.as_deref() == Some("2") { Kv::V2 } else { Kv::V1 };
        if kv != self.kv {
            let number = if kv == Kv::V2 { 2 } else { 1 };
            return Err(misconfigured(format!(
                "a key-value engine of version {number}; set `kv = {number}`"
            )));
        }
        self.confirm();
        Ok(())
    }

    /// What a refused request means: `capability` on `place` is missing.
    pub(crate) fn denied(&self, capability: &str, place: &str) -> VaultError {
        VaultError::secret(
            ErrorKind::Denied,
            format!("our policy at {} does not allow `{capability}` on {place}", self.sessions.location),
        )
    }

    /// There is no such secret.
    pub(crate) fn absent(&self, what: &str, path: &SecretPath) -> VaultError {
        let message =
            format!("{} has {what} at {}/{}", self.sessions.location, self.name, self.at(Some(path)));
        VaultError::secret(ErrorKind::NotFound, message)
    }

    /// A secret that is no object of fields, or a request that the engine calls invalid.
    pub(crate) fn malformed(&self, why: &str, path: &SecretPath) -> VaultError {
        let message = format!("{}/{} {why}", self.name, self.at(Some(path)));
        VaultError::secret(ErrorKind::Malformed, message)
    }
}
