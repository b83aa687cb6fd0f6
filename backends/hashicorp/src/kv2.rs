//! Version 2 of the key-value engine: every write is a new version, and a delete only marks one as deleted.

use std::sync::Arc;

use cofferdam_vault::http::StatusCode;
use cofferdam_vault::{ErrorKind, Expect, JsonFields, SecretFields, SecretPath, VaultError, Version};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::endpoint;
use crate::error;
use crate::mount::Mount;
use crate::response::{self, Envelope};
use cofferdam_vault::http::Response;

/// Maximum number of consecutive deleted versions to skip when looking for the previous state.
const MAX_SKIPPED_VERSIONS: usize = 100;

pub(crate) struct Kv2(pub(crate) Arc<Mount>);

/// The state of a secret.
enum State {
    Present {
        fields: JsonFields,
        metadata: VersionMetadata,
    },
    /// The version with this number is deleted or destroyed.
    Deleted(u64),
    /// Never written, or its metadata was deleted too.
    Absent,
}

/// The identity of a version. The number alone repeats if the metadata is deleted and the secret created again.
#[derive(Deserialize)]
struct VersionMetadata {
    version: u64,
    created_time: String,
}

impl VersionMetadata {
    fn version(&self) -> Version {
        Version::new(format!("{}@{}", self.version, self.created_time))
    }
}

#[derive(Deserialize)]
struct Versioned<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    metadata: VersionMetadata,
}

impl Kv2 {
    /// The current state.
    pub(crate) async fn read(&self, path: &SecretPath) -> Result<(JsonFields, Version), VaultError> {
        match self.state(path, None).await? {
            State::Present { fields, metadata } => Ok((fields, metadata.version())),
            State::Deleted(_) => Err(self.0.absent("a deleted secret", path)),
            State::Absent => Err(self.0.absent("no secret", path)),
        }
    }

    /// The last state before the current one that is not deleted. Needs only the permission to read.
    pub(crate) async fn read_previous(&self, path: &SecretPath) -> Result<(JsonFields, Version), VaultError> {
        let none = || {
            let message = format!("the secret {path} has no earlier version that is not deleted");
            VaultError::secret(ErrorKind::NotFound, message)
        };
        let State::Present { metadata, .. } = self.state(path, None).await? else { return Err(none()) };
        for number in (1..metadata.version).rev().take(MAX_SKIPPED_VERSIONS) {
            match self.state(path, Some(number)).await? {
                State::Present { fields, metadata } => return Ok((fields, metadata.version())),
                State::Deleted(_) => {}
                // Older versions were pruned.
                State::Absent => break,
            }
        }
        Err(none())
    }

    async fn state(&self, path: &SecretPath, version: Option<u64>) -> Result<State, VaultError> {
        let mount = &self.0;
        let request = endpoint::read_v2(&mount.name, &mount.at(Some(path)), version);
        let denied = || mount.denied("read", &mount.policy_path(path));
        let (response, _) = mount.sessions.send(&request, denied).await?;
        match response.status {
            StatusCode::OK | StatusCode::NOT_FOUND => {}
            // An engine that is being upgraded from version 1 responds with 400.
            _ => {
                return Err(
                    mount.malformed("cannot be read: the engine rejects the request as invalid", path)
                );
            }
        }
        let versioned = Envelope::parse(&response.body).and_then(|body| body.data::<Versioned<'_>>());
        match (response.status, versioned) {
            (StatusCode::OK, Ok(Versioned { data: Some(data), metadata })) => {
                mount.confirm();
                let fields = JsonFields::parse(data.get())
                    .map_err(|_| mount.malformed("is not an object of fields", path))?;
                Ok(State::Present { fields, metadata })
            }
            (StatusCode::OK, Err(_)) if Envelope::parse(&response.body).is_ok() => {
                mount.check().await?;
                Err(mount.malformed("is not what version 2 of the engine returns; check `kv`", path))
            }
            (StatusCode::OK, Err(_)) => Err(error::malformed(&mount.sessions.location, "a read")),
            (_, Ok(Versioned { metadata, .. })) => {
                mount.confirm();
                Ok(State::Deleted(metadata.version))
            }
            (_, Err(_)) => {
                self.check_is_vault(&response)?;
                mount.check().await?;
                Ok(State::Absent)
            }
        }
    }

    /// Checks that a 404 is JSON. Otherwise it is not from Vault.
    fn check_is_vault(&self, response: &Response) -> Result<(), VaultError> {
        Envelope::parse(&response.body)
            .map(drop)
            .map_err(|_| error::malformed(&self.0.sessions.location, "a read"))
    }

    pub(crate) async fn write(
        &self,
        path: &SecretPath,
        fields: &SecretFields,
        expect: Expect,
    ) -> Result<Version, VaultError> {
        let cas = match expect {
            Expect::Any => None,
            Expect::Absent => match self.state(path, None).await? {
                State::Present { .. } => return Err(error::conflict(path)),
                State::Deleted(number) => Some(number),
                State::Absent => Some(0),
            },
            Expect::Version(version) => Some(self.current_number(path, &version).await?),
        };
        if let Some(version) = self.put(path, fields, cas).await? {
            return Ok(version);
        }
        // The engine rejects the request: another writer won, or this mount requires check-and-set.
        let now = match self.state(path, None).await? {
            State::Present { metadata, .. } => metadata.version,
            State::Deleted(number) => number,
            State::Absent => 0,
        };
        match cas {
            Some(expected) if expected != now => Err(error::conflict(path)),
            Some(_) => Err(not_written(&self.0, path)),
            None => self.put(path, fields, Some(now)).await?.ok_or_else(|| not_written(&self.0, path)),
        }
    }

    /// Writes once; `None` if the engine rejects the request as invalid.
    async fn put(
        &self,
        path: &SecretPath,
        fields: &SecretFields,
        cas: Option<u64>,
    ) -> Result<Option<Version>, VaultError> {
        let mount = &self.0;
        let at = mount.at(Some(path));
        let request = endpoint::write_v2(&mount.name, &at, fields, cas);
        let denied = || mount.denied("create` and `update", &format!("{}/data/{at}", mount.name));
        let (response, _) = mount.sessions.send(&request, denied).await?;
        match response.status {
            StatusCode::OK => {
                let metadata: VersionMetadata = response::data(&response.body)
                    .map_err(|_| error::malformed(&mount.sessions.location, "a write"))?;
                mount.confirm();
                Ok(Some(metadata.version()))
            }
            StatusCode::BAD_REQUEST => Ok(None),
            _ => {
                mount.check().await?;
                Err(not_written(mount, path))
            }
        }
    }

    /// The number of `version`, if it is the current one.
    async fn current_number(&self, path: &SecretPath, version: &Version) -> Result<u64, VaultError> {
        match self.state(path, None).await? {
            State::Present { metadata, .. } if metadata.version() == *version => Ok(metadata.version),
            _ => Err(error::conflict(path)),
        }
    }

    pub(crate) async fn delete(&self, path: &SecretPath, expect: Expect) -> Result<(), VaultError> {
        let mount = &self.0;
        let at = mount.at(Some(path));
        match expect {
            Expect::Any => {
                let request = endpoint::delete_latest_v2(&mount.name, &at);
                let denied = || mount.denied("delete", &format!("{}/data/{at}", mount.name));
                let (response, _) = mount.sessions.send(&request, denied).await?;
                if response.status.is_success() {
                    return Ok(());
                }
                mount.check().await?;
                Err(not_written(mount, path))
            }
            Expect::Absent => match self.state(path, None).await? {
                State::Present { .. } => Err(error::conflict(path)),
                State::Deleted(_) | State::Absent => Ok(()),
            },
            Expect::Version(version) => {
                let number = self.current_number(path, &version).await?;
                self.delete_number(path, number).await
            }
        }
    }

    /// Deletes exactly version `number`. The engine has no check-and-set for deletes. A write between the check and the
    /// delete is preserved, because it has another number; the delete is then undone.
    async fn delete_number(&self, path: &SecretPath, number: u64) -> Result<(), VaultError> {
        let mount = &self.0;
        let (name, at) = (&mount.name, mount.at(Some(path)));
        let delete = endpoint::delete_v2(name, &at, number);
        let denied = || mount.denied("update", &format!("{name}/delete/{at}"));
        let (response, _) = mount.sessions.send(&delete, denied).await?;
        if !response.status.is_success() {
            return Err(not_written(mount, path));
        }
        match self.state(path, None).await? {
            State::Deleted(deleted) if deleted == number => Ok(()),
            State::Absent => Ok(()),
            State::Deleted(_) | State::Present { .. } => {
                let undelete = endpoint::undelete_v2(name, &at, number);
                let denied = || mount.denied("update", &format!("{name}/undelete/{at}"));
                mount.sessions.send(&undelete, denied).await?;
                Err(error::conflict(path))
            }
        }
    }

    /// Whether the secret at `path` has a current version. Listings include deleted secrets too.
    pub(crate) async fn exists(&self, path: &SecretPath) -> Result<bool, VaultError> {
        #[derive(Deserialize)]
        struct Metadata {
            #[serde(default)]
            current_version: u64,
            #[serde(default)]
            versions: std::collections::BTreeMap<u64, VersionState>,
        }
        #[derive(Deserialize)]
        struct VersionState {
            deletion_time: String,
            destroyed: bool,
        }
        let mount = &self.0;
        let at = mount.at(Some(path));
        let metadata = format!("{}/metadata/{at}", mount.name);
        let request = endpoint::read(&metadata);
        let denied = || mount.denied("read", &metadata);
        let (response, _) = mount.sessions.send(&request, denied).await?;
        if response.status == StatusCode::NOT_FOUND {
            self.check_is_vault(&response)?;
            return Ok(false);
        }
        let metadata: Metadata = response::data(&response.body)
            .map_err(|_| error::malformed(&mount.sessions.location, "a read of metadata"))?;
        let current = metadata.versions.get(&metadata.current_version);
        Ok(current.is_some_and(|version| version.deletion_time.is_empty() && !version.destroyed))
    }
}

fn not_written(mount: &Mount, path: &SecretPath) -> VaultError {
    mount.malformed("was not written: the engine rejects the request as invalid", path)
}
