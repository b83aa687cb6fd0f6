//! The key-value engine, version 2: every write is a new version, and a delete only marks one.

use std::sync::Arc;

use cofferdam_vault::{ErrorKind, Expect, SecretFields, SecretPath, VaultError, Version};
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use vaultrs::api::kv2::requests::{
    DeleteLatestSecretVersionRequest, DeleteSecretVersionsRequest, ReadSecretMetadataRequest,
    ReadSecretRequest, UndeleteSecretVersionsRequest,
};

use crate::answer::{self, Envelope};
use crate::client::Answer;
use crate::endpoint;
use crate::error;
use crate::mount::Mount;

/// How many deleted versions in a row are stepped over in search of the previous state.
const MAX_STEPS: u64 = 100;

pub(crate) struct Kv2(pub(crate) Arc<Mount>);

/// What is there.
enum State {
    Present {
        fields: SecretFields,
        stamp: Stamp,
    },
    /// Deleted or destroyed; the number of that version.
    Gone(u64),
    /// Nothing was ever written, or even the trace of it was removed.
    Never,
}

/// Which version. The number alone would return after the metadata was deleted and the secret made anew.
#[derive(Deserialize)]
struct Stamp {
    version: u64,
    created_time: String,
}

impl Stamp {
    fn version(&self) -> Version {
        Version::new(format!("{}@{}", self.version, self.created_time))
    }
}

#[derive(Deserialize)]
struct Versioned<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    metadata: Stamp,
}

impl Kv2 {
    /// The current state.
    pub(crate) async fn read(&self, path: &SecretPath) -> Result<(SecretFields, Version), VaultError> {
        match self.state(path, None).await? {
            State::Present { fields, stamp } => Ok((fields, stamp.version())),
            State::Gone(_) => Err(self.0.absent("a deleted secret", path)),
            State::Never => Err(self.0.absent("no secret", path)),
        }
    }

    /// The last state before the current one that was not deleted. Needs no permission but that of reading.
    pub(crate) async fn read_previous(
        &self,
        path: &SecretPath,
    ) -> Result<(SecretFields, Version), VaultError> {
        let none = || self.0.absent("no earlier state of the secret", path);
        let State::Present { stamp, .. } = self.state(path, None).await? else { return Err(none()) };
        for number in (1..stamp.version).rev().take(MAX_STEPS as usize) {
            match self.state(path, Some(number)).await? {
                State::Present { fields, stamp } => return Ok((fields, stamp.version())),
                State::Gone(_) => {}
                // Older ones were pruned.
                State::Never => break,
            }
        }
        Err(none())
    }

    async fn state(&self, path: &SecretPath, version: Option<u64>) -> Result<State, VaultError> {
        let mount = &self.0;
        let request = ReadSecretRequest { mount: mount.name.clone(), path: mount.at(Some(path)), version };
        let place = || format!("{}/data/{}", mount.name, mount.at(Some(path)));
        let (answer, _) = mount.sessions.send(&request, || mount.denied("read", &place())).await?;
        match answer.status {
            StatusCode::OK | StatusCode::NOT_FOUND => {}
            // An engine that is being upgraded from version 1 says so with a 400.
            _ => return Err(mount.malformed("cannot be read: the engine calls the request invalid", path)),
        }
        let versioned = Envelope::parse(&answer.body).and_then(|body| body.data::<Versioned<'_>>());
        match (answer.status, versioned) {
            (StatusCode::OK, Ok(Versioned { data: Some(data), metadata: stamp })) => {
                mount.confirm();
                let fields = answer::parse(data.get().as_bytes()).and_then(|raw| answer::fields(&raw));
                let fields = fields.map_err(|_| mount.malformed("is no object of fields", path))?;
                Ok(State::Present { fields, stamp })
            }
            (StatusCode::OK, Err(_)) if Envelope::parse(&answer.body).is_ok() => {
                mount.check().await?;
                Err(mount.malformed("is not what version 2 of the engine answers", path))
            }
            (StatusCode::OK, Err(_)) => {
                Err(error::malformed(&mount.sessions.location, "a read with no secret"))
            }
            (_, Ok(Versioned { metadata, .. })) => {
                mount.confirm();
                Ok(State::Gone(metadata.version))
            }
            (_, Err(_)) => {
                self.believe(&answer)?;
                mount.check().await?;
                Ok(State::Never)
            }
        }
    }

    /// A 404 that is not even JSON comes from something else than a Vault.
    fn believe(&self, answer: &Answer) -> Result<(), VaultError> {
        Envelope::parse(&answer.body)
            .map(drop)
            .map_err(|_| error::malformed(&self.0.sessions.location, "404 with something that is not JSON"))
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
                State::Present { .. } => return Err(conflict(path)),
                State::Gone(number) => Some(number),
                State::Never => Some(0),
            },
            Expect::Version(version) => Some(self.holds(path, &version).await?),
        };
        if let Some(version) = self.put(path, fields, cas).await? {
            return Ok(version);
        }
        // The engine calls the request invalid: a lost race, or no request without check-and-set on this mount.
        let now = match self.state(path, None).await? {
            State::Present { stamp, .. } => stamp.version,
            State::Gone(number) => number,
            State::Never => 0,
        };
        match cas {
            Some(expected) if expected != now => Err(conflict(path)),
            Some(_) => Err(mount_refuses(&self.0, path)),
            None => self.put(path, fields, Some(now)).await?.ok_or_else(|| mount_refuses(&self.0, path)),
        }
    }

    /// Writes once; `None` where the engine calls it invalid.
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
        let (answer, _) = mount.sessions.send(&request, denied).await?;
        match answer.status {
            StatusCode::OK => {
                let stamp: Stamp = answer::data(&answer.body)
                    .map_err(|_| error::malformed(&mount.sessions.location, "a write with no version"))?;
                mount.confirm();
                Ok(Some(stamp.version()))
            }
            StatusCode::BAD_REQUEST => Ok(None),
            _ => {
                mount.check().await?;
                Err(mount_refuses(mount, path))
            }
        }
    }

    /// The number of `version`, which is there now.
    async fn holds(&self, path: &SecretPath, version: &Version) -> Result<u64, VaultError> {
        match self.state(path, None).await? {
            State::Present { stamp, .. } if stamp.version() == *version => Ok(stamp.version),
            _ => Err(conflict(path)),
        }
    }

    pub(crate) async fn delete(&self, path: &SecretPath, expect: Expect) -> Result<(), VaultError> {
        let mount = &self.0;
        let at = mount.at(Some(path));
        match expect {
            Expect::Any => {
                let request =
                    DeleteLatestSecretVersionRequest { mount: mount.name.clone(), path: at.clone() };
                let denied = || mount.denied("delete", &format!("{}/data/{at}", mount.name));
                let (answer, _) = mount.sessions.send(&request, denied).await?;
                if answer.status.is_success() {
                    return Ok(());
                }
                mount.check().await?;
                Err(mount_refuses(mount, path))
            }
            Expect::Absent => match self.state(path, None).await? {
                State::Present { .. } => Err(conflict(path)),
                State::Gone(_) | State::Never => Ok(()),
            },
            Expect::Version(version) => {
                let number = self.holds(path, &version).await?;
                self.delete_number(path, number).await
            }
        }
    }

    /// Deletes exactly version `number`. The engine has no check-and-set for that: a write that came between the look and
    /// the delete stays, for it is another number, and then the delete is taken back.
    async fn delete_number(&self, path: &SecretPath, number: u64) -> Result<(), VaultError> {
        let mount = &self.0;
        let (name, at, versions) = (mount.name.clone(), mount.at(Some(path)), vec![number]);
        let delete =
            DeleteSecretVersionsRequest { mount: name.clone(), path: at.clone(), versions: versions.clone() };
        let denied = || mount.denied("update", &format!("{name}/delete/{at}"));
        let (answer, _) = mount.sessions.send(&delete, denied).await?;
        if !answer.status.is_success() {
            return Err(mount_refuses(mount, path));
        }
        match self.state(path, None).await? {
            State::Gone(gone) if gone == number => Ok(()),
            State::Never => Ok(()),
            State::Gone(_) | State::Present { .. } => {
                let undelete =
                    UndeleteSecretVersionsRequest { mount: name.clone(), path: at.clone(), versions };
                let denied = || mount.denied("update", &format!("{name}/undelete/{at}"));
                mount.sessions.send(&undelete, denied).await?;
                Err(conflict(path))
            }
        }
    }

    /// Whether the secret at `path` has a current version: listings name deleted ones too.
    pub(crate) async fn exists(&self, path: &SecretPath) -> Result<bool, VaultError> {
        #[derive(Deserialize)]
        struct Metadata {
            #[serde(default)]
            current_version: u64,
            #[serde(default)]
            versions: std::collections::BTreeMap<u64, Trace>,
        }
        #[derive(Deserialize)]
        struct Trace {
            deletion_time: String,
            destroyed: bool,
        }
        let mount = &self.0;
        let at = mount.at(Some(path));
        let request = ReadSecretMetadataRequest { mount: mount.name.clone(), path: at.clone() };
        let denied = || mount.denied("read", &format!("{}/metadata/{at}", mount.name));
        let (answer, _) = mount.sessions.send(&request, denied).await?;
        if answer.status == StatusCode::NOT_FOUND {
            self.believe(&answer)?;
            return Ok(false);
        }
        let metadata: Metadata = answer::data(&answer.body)
            .map_err(|_| error::malformed(&mount.sessions.location, "metadata with something else"))?;
        let current = metadata.versions.get(&metadata.current_version);
        Ok(current.is_some_and(|trace| trace.deletion_time.is_empty() && !trace.destroyed))
    }
}

/// What was expected is not there.
pub(crate) fn conflict(path: &SecretPath) -> VaultError {
    let message = format!("{path} was changed by somebody else; read it anew and try again");
    VaultError::secret(ErrorKind::Conflict, message)
}

fn mount_refuses(mount: &Mount, path: &SecretPath) -> VaultError {
    mount.malformed("was not written: the engine calls the request invalid", path)
}
