//! Reads a file that may change at any time, and detects that it has not changed without reading it again.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use cofferdam_vault::VaultError;
use cofferdam_vault::files::{FileError, RegularFile};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::{Cause, vault_error};
use crate::os::{self, Attributes, Fingerprint};
use crate::role::Role;

/// How long after a change the file's times do not prove that it is unchanged. File systems have a clock resolution of up to
/// two seconds (FAT), and two changes within that time look like one.
const SETTLES_AFTER: Duration = Duration::from_secs(2);

/// The SHA-256 of a file's bytes.
pub(crate) type FileDigest = [u8; 32];

pub(crate) fn digest(bytes: &[u8]) -> FileDigest {
    Sha256::digest(bytes).into()
}

/// The state of a file when it was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Snapshot {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) digest: FileDigest,
    pub(crate) attributes: Attributes,
    /// The mode, if users other than the owner have access.
    pub(crate) open_mode: Option<u32>,
    /// Whether the fingerprint is old enough to be reliable.
    pub(crate) settled: bool,
}

/// The result of reading a file again.
pub(crate) enum Reading {
    /// The content is unchanged.
    Unchanged(Snapshot),
    /// The content is new.
    Changed(Snapshot, Zeroizing<Vec<u8>>),
}

impl Reading {
    /// The content; empty if it is unchanged.
    pub(crate) fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Unchanged(_) => Zeroizing::default(),
            Self::Changed(_, bytes) => bytes,
        }
    }
}

/// Reads a file, unless it is unchanged since `known`; `None` if it does not exist.
///
/// Returns at once, whatever is at `path`: only a regular file of a bounded size is read.
pub(crate) fn read(role: Role, path: &Path, known: Option<&Snapshot>) -> Result<Option<Reading>, VaultError> {
    let failed = |error| vault_error(path, Cause::Reading(role, error));
    let mut file = match RegularFile::open(path) {
        Ok(file) => file,
        Err(FileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().clone();
    let fingerprint = os::fingerprint(&metadata);
    if let Some(known) = known
        && known.settled
        && known.fingerprint == fingerprint
    {
        return Ok(Some(Reading::Unchanged(*known)));
    }
    let bytes = file.read(role.max_bytes()).map_err(failed)?;
    let after = os::fingerprint(&file.metadata_now().map_err(|error| failed(error.into()))?);
    let now = Snapshot {
        fingerprint,
        digest: digest(&bytes),
        attributes: os::attributes(&metadata),
        open_mode: os::open_mode(&metadata),
        settled: after == fingerprint && has_settled(&fingerprint),
    };
    Ok(Some(match known {
        Some(known) if known.digest == now.digest => Reading::Unchanged(now),
        _ => Reading::Changed(now, bytes),
    }))
}

/// Reads a file that must exist, unless it is unchanged since `known`.
pub(crate) fn read_required(
    role: Role,
    path: &Path,
    known: Option<&Snapshot>,
) -> Result<Reading, VaultError> {
    read(role, path, known)?.ok_or_else(|| missing(role, path))
}

/// The error of a missing file.
pub(crate) fn missing(role: Role, path: &Path) -> VaultError {
    vault_error(path, Cause::Reading(role, io::Error::from(io::ErrorKind::NotFound).into()))
}

fn has_settled(fingerprint: &Fingerprint) -> bool {
    fingerprint
        .last_change()
        // A time in the future proves nothing.
        .and_then(|time| SystemTime::now().duration_since(time).ok())
        .is_some_and(|age| age > SETTLES_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A snapshot of the file as if it had been unchanged for long.
    fn settled(path: &Path) -> Snapshot {
        match read_required(Role::Vault, path, None).unwrap() {
            Reading::Changed(known, _) => Snapshot { settled: true, ..known },
            Reading::Unchanged(_) => panic!("there was no snapshot"),
        }
    }

    #[test]
    fn a_recently_written_file_is_read_again_until_its_times_have_settled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.age");
        fs::write(&path, "one").unwrap();
        let Reading::Changed(young, _) = read_required(Role::Vault, &path, None).unwrap() else { panic!() };
        assert!(!young.settled);
        // The content is new, and the fingerprint says unchanged.
        fs::write(&path, "two").unwrap();
        let fingerprint = os::fingerprint(&fs::metadata(&path).unwrap());
        let known = Snapshot { fingerprint, ..young };
        assert!(matches!(read_required(Role::Vault, &path, Some(&known)).unwrap(), Reading::Changed(..)));
        let known = Snapshot { settled: true, ..known };
        assert!(matches!(read_required(Role::Vault, &path, Some(&known)).unwrap(), Reading::Unchanged(_)));
    }

    #[test]
    fn a_change_in_place_of_a_settled_file_is_detected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.age");
        fs::write(&path, "one").unwrap();
        let known = settled(&path);
        let times = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "two").unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(times).unwrap();
        assert!(matches!(read_required(Role::Vault, &path, Some(&known)).unwrap(), Reading::Changed(..)));
    }

    #[test]
    fn a_file_with_new_times_and_the_same_content_is_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.age");
        fs::write(&path, "one").unwrap();
        let known = settled(&path);
        fs::rename(&path, folder.path().join("away")).unwrap();
        fs::copy(folder.path().join("away"), &path).unwrap();
        assert!(matches!(read_required(Role::Vault, &path, Some(&known)).unwrap(), Reading::Unchanged(_)));
    }
}
