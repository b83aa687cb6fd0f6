//! Version 1 of the key-value engine: one state per secret, without versions and without check-and-set.

use std::sync::Arc;

use cofferdam_vault::http::StatusCode;
use cofferdam_vault::{Expect, JsonFields, SecretFields, SecretPath, VaultError, Version};

use crate::endpoint;
use crate::error;
use crate::mount::Mount;
use crate::response::Envelope;
use crate::version;

pub(crate) struct Kv1(pub(crate) Arc<Mount>);

impl Kv1 {
    pub(crate) async fn read(&self, path: &SecretPath) -> Result<(JsonFields, Version), VaultError> {
        self.state(path).await?.ok_or_else(|| self.0.absent("no secret", path))
    }

    /// Whether there is a secret at `path`.
    pub(crate) async fn exists(&self, path: &SecretPath) -> Result<bool, VaultError> {
        Ok(self.state(path).await?.is_some())
    }

    async fn state(&self, path: &SecretPath) -> Result<Option<(JsonFields, Version)>, VaultError> {
        let mount = &self.0;
        let at = format!("{}/{}", mount.name, mount.at(Some(path)));
        let request = endpoint::read(&at);
        let denied = || mount.denied("read", &at);
        let (response, _) = mount.sessions.send(&request, denied).await?;
        let body = Envelope::parse(&response.body)
            .map_err(|_| error::malformed(&mount.sessions.location, "a read"))?;
        match response.status {
            StatusCode::OK => {
                // Version 2 returns 404 for a path of version 1, so this engine is version 1.
                mount.confirm();
                let fields: JsonFields =
                    body.data().map_err(|_| mount.malformed("is not an object of fields", path))?;
                let version = version::from_content(path, fields.texts());
                Ok(Some((fields, version)))
            }
            StatusCode::NOT_FOUND => {
                mount.check().await?;
                Ok(None)
            }
            _ => Err(mount.malformed("cannot be read: the engine rejects the request as invalid", path)),
        }
    }

    /// Checks `expect`. Another writer may come between this check and the write.
    async fn check(&self, path: &SecretPath, expect: &Expect) -> Result<(), VaultError> {
        let holds = match expect {
            Expect::Any => true,
            Expect::Absent => self.state(path).await?.is_none(),
            Expect::Version(version) => {
                self.state(path).await?.is_some_and(|(_, current)| current == *version)
            }
        };
        if holds { Ok(()) } else { Err(error::conflict(path)) }
    }

    pub(crate) async fn write(
        &self,
        path: &SecretPath,
        fields: &SecretFields,
        expect: Expect,
    ) -> Result<Version, VaultError> {
        self.check(path, &expect).await?;
        let at = format!("{}/{}", self.0.name, self.0.at(Some(path)));
        let request = endpoint::write_v1(&at, fields);
        let denied = || self.0.denied("create` and `update", &at);
        let (response, _) = self.0.sessions.send(&request, denied).await?;
        if response.status.is_success() {
            let written = fields.iter().map(|(name, value)| (name.as_str(), value));
            return Ok(version::from_content(path, written));
        }
        self.0.check().await?;
        Err(self.0.malformed("was not written: the engine rejects the request as invalid", path))
    }

    pub(crate) async fn delete(&self, path: &SecretPath, expect: Expect) -> Result<(), VaultError> {
        self.check(path, &expect).await?;
        let mount = &self.0;
        let at = format!("{}/{}", mount.name, mount.at(Some(path)));
        let request = endpoint::delete_v1(&at);
        let denied = || mount.denied("delete", &at);
        let (response, _) = mount.sessions.send(&request, denied).await?;
        if response.status.is_success() {
            return Ok(());
        }
        mount.check().await?;
        Err(mount.malformed("was not deleted: the engine rejects the request as invalid", path))
    }
}
