//! The key-value engine, version 1: one state per secret, without versions or check-and-set.

use std::sync::Arc;

use cofferdam_vault::{Expect, SecretFields, SecretPath, VaultError, Version};
use http::StatusCode;
use vaultrs::api::kv1::requests::{DeleteSecretRequest, GetSecretRequest};

use crate::answer::{self, Envelope, RawFields};
use crate::endpoint;
use crate::error;
use crate::kv2::conflict;
use crate::mount::Mount;
use crate::version;

pub(crate) struct Kv1(pub(crate) Arc<Mount>);

impl Kv1 {
    pub(crate) async fn read(&self, path: &SecretPath) -> Result<(SecretFields, Version), VaultError> {
        let there = self.state(path).await?;
        there.ok_or_else(|| self.0.absent("no secret", path))
    }

    /// Whether there is a secret at `path`.
    pub(crate) async fn exists(&self, path: &SecretPath) -> Result<bool, VaultError> {
        Ok(self.state(path).await?.is_some())
    }

    async fn state(&self, path: &SecretPath) -> Result<Option<(SecretFields, Version)>, VaultError> {
        let (mount, at) = (&self.0, self.0.at(Some(path)));
        let request = GetSecretRequest { mount: mount.name.clone(), path: at.clone() };
        let denied = || mount.denied("read", &format!("{}/{at}", mount.name));
        let (answer, _) = mount.sessions.send(&request, denied).await?;
        let body = Envelope::parse(&answer.body).map_err(|_| {
            error::malformed(&mount.sessions.location, "a read with something that is not JSON")
        })?;
        match answer.status {
            StatusCode::OK => {
                // Version 2 answers 404 to a path of version 1, so this is one.
                mount.confirm();
                let fields = body.data::<RawFields<'_>>().and_then(|raw| answer::fields(&raw));
                let fields = fields.map_err(|_| mount.malformed("is no object of fields", path))?;
                let version = version::of(path, &fields);
                Ok(Some((fields, version)))
            }
            StatusCode::NOT_FOUND => {
                mount.check().await?;
                Ok(None)
            }
            _ => Err(mount.malformed("cannot be read: the engine calls the request invalid", path)),
        }
    }

    /// Looks whether `expect` holds. Another writer may come between that and what follows.
    async fn holds(&self, path: &SecretPath, expect: &Expect) -> Result<(), VaultError> {
        let holds = match expect {
            Expect::Any => true,
            Expect::Absent => self.state(path).await?.is_none(),
            Expect::Version(version) => self.state(path).await?.is_some_and(|(_, there)| there == *version),
        };
        if holds { Ok(()) } else { Err(conflict(path)) }
    }

    pub(crate) async fn write(
        &self,
        path: &SecretPath,
        fields: &SecretFields,
        expect: Expect,
    ) -> Result<Version, VaultError> {
        self.holds(path, &expect).await?;
        let place = format!("{}/{}", self.0.name, self.0.at(Some(path)));
        let request = endpoint::write_v1(&place, fields);
        let denied = || self.0.denied("create` and `update", &place);
        let (answer, _) = self.0.sessions.send(&request, denied).await?;
        if answer.status.is_success() {
            return Ok(version::of(path, fields));
        }
        self.0.check().await?;
        Err(self.0.malformed("was not written: the engine calls the request invalid", path))
    }

    pub(crate) async fn delete(&self, path: &SecretPath, expect: Expect) -> Result<(), VaultError> {
        self.holds(path, &expect).await?;
        let (mount, at) = (&self.0, self.0.at(Some(path)));
        let request = DeleteSecretRequest { mount: mount.name.clone(), path: at.clone() };
        let denied = || mount.denied("delete", &format!("{}/{at}", mount.name));
        let (answer, _) = mount.sessions.send(&request, denied).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        mount.check().await?;
        Err(mount.malformed("was not deleted: the engine calls the request invalid", path))
    }
}
