//! Reading a file that anyone may change at any time, without reading or decrypting it each time.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime};

use cofferdam_vault::{ErrorKind, VaultError};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::{Cause, vault_error};
use crate::os::{self, Attributes, Stamp};

/// The largest vault file, in bytes: three hundred times what a thousand ordinary tokens take, and no strain on memory.
pub(crate) const VAULT_MAX_BYTES: u64 = 16 << 20;

/// The largest file of keys, in bytes. An RSA key of 16,384 bits has 13 KiB.
const KEY_MAX_BYTES: u64 = 1 << 20;

/// For how long after a change the file's times do not prove that it is unchanged: file systems count time in steps of
/// up to two seconds (FAT), and two changes within one step look like one.
const SETTLES_AFTER: Duration = Duration::from_secs(2);

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Vault,
    Identity,
    Passphrase,
    Recipients,
}

impl Role {
    fn max_bytes(self) -> u64 {
        match self {
            Self::Vault => VAULT_MAX_BYTES,
            Self::Identity | Self::Passphrase | Self::Recipients => KEY_MAX_BYTES,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vault => "vault file",
            Self::Identity => "identity file",
            Self::Passphrase => "passphrase file",
            Self::Recipients => "recipients file",
        })
    }
}

/// The SHA-256 of a file's bytes.
pub(crate) type FileDigest = [u8; 32];

pub(crate) fn digest(bytes: &[u8]) -> FileDigest {
    Sha256::digest(bytes).into()
}

/// The state in which a file was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) stamp: Stamp,
    pub(crate) digest: FileDigest,
    pub(crate) attributes: Attributes,
    /// The mode, where others than the owner have access.
    pub(crate) exposed: Option<u32>,
    /// Whether the stamp had stood long enough to be relied on.
    pub(crate) settled: bool,
}

/// What a look at a file found.
pub(crate) enum Reading {
    /// The content that was known.
    Same(Known),
    /// Another content.
    Changed(Known, Zeroizing<Vec<u8>>),
}

impl Reading {
    /// What was read; empty where it was known already.
    pub(crate) fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Same(_) => Zeroizing::default(),
            Self::Changed(_, bytes) => bytes,
        }
    }
}

/// Looks at a file; `None` where there is none.
///
/// Answers at once, whatever stands at `path`: only a regular file of a bounded size is read.
pub(crate) fn look(role: Role, path: &Path, known: Option<&Known>) -> Result<Option<Reading>, VaultError> {
    let failed = |error| vault_error(path, Cause::Reading(role, error));
    let mut file = match os::open_to_read(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(VaultError::vault(
            ErrorKind::Misconfigured,
            format!("the {role} {} is not a regular file; put the file itself there", path.display()),
        ));
    }
    let stamp = os::stamp(&metadata);
    if let Some(known) = known
        && known.settled
        && known.stamp == stamp
    {
        return Ok(Some(Reading::Same(*known)));
    }
    let bytes = read_bounded(role, path, &mut file, metadata.len())?;
    let after = os::stamp(&file.metadata().map_err(failed)?);
    let now = Known {
        stamp,
        digest: digest(&bytes),
        attributes: os::attributes(&metadata),
        exposed: os::exposed(&metadata),
        settled: after == stamp && has_settled(&stamp),
    };
    Ok(Some(match known {
        Some(known) if known.digest == now.digest => Reading::Same(now),
        _ => Reading::Changed(now, bytes),
    }))
}

/// Looks at a file that must be there.
pub(crate) fn look_required(role: Role, path: &Path, known: Option<&Known>) -> Result<Reading, VaultError> {
    look(role, path, known)?.ok_or_else(|| missing(role, path))
}

/// The error for a file that is not there.
pub(crate) fn missing(role: Role, path: &Path) -> VaultError {
    vault_error(path, Cause::Reading(role, io::ErrorKind::NotFound.into()))
}

fn read_bounded(
    role: Role,
    path: &Path,
    file: &mut std::fs::File,
    expected: u64,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let max = role.max_bytes();
    let capacity = usize::try_from(expected.min(max)).unwrap_or_default();
    // Room for what the file had when it was opened and a little more, so that reading does not move the buffer.
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity + 64));
    file.take(max + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| vault_error(path, Cause::Reading(role, error)))?;
    if bytes.len() as u64 > max {
        return Err(VaultError::vault(
            ErrorKind::Misconfigured,
            format!("the {role} {} is larger than {max} bytes; is it the right file?", path.display()),
        ));
    }
    Ok(bytes)
}

fn has_settled(stamp: &Stamp) -> bool {
    stamp
        .touched()
        // A time in the future says nothing.
        .and_then(|touched| SystemTime::now().duration_since(touched).ok())
        .is_some_and(|age| age > SETTLES_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// The state of the file as if it had stood still for long.
    fn settled(path: &Path) -> Known {
        match look_required(Role::Vault, path, None).unwrap() {
            Reading::Changed(known, _) => Known { settled: true, ..known },
            Reading::Same(_) => panic!("nothing was known"),
        }
    }

    #[test]
    fn a_file_that_was_just_written_is_read_again_until_its_times_have_settled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.age");
        fs::write(&path, "one").unwrap();
        let Reading::Changed(young, _) = look_required(Role::Vault, &path, None).unwrap() else { panic!() };
        assert!(!young.settled);
        // Another content, and a stamp that claims nothing happened.
        fs::write(&path, "two").unwrap();
        let stamp = os::stamp(&fs::metadata(&path).unwrap());
        let known = Known { stamp, ..young };
        assert!(matches!(look_required(Role::Vault, &path, Some(&known)).unwrap(), Reading::Changed(..)));
        let known = Known { settled: true, ..known };
        assert!(matches!(look_required(Role::Vault, &path, Some(&known)).unwrap(), Reading::Same(_)));
    }

    #[test]
    fn a_settled_file_that_changes_in_place_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.age");
        fs::write(&path, "one").unwrap();
        let known = settled(&path);
        let times = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "two").unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(times).unwrap();
        assert!(matches!(look_required(Role::Vault, &path, Some(&known)).unwrap(), Reading::Changed(..)));
    }

    #[test]
    fn a_file_that_was_only_touched_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.age");
        fs::write(&path, "one").unwrap();
        let known = settled(&path);
        fs::rename(&path, folder.path().join("away")).unwrap();
        fs::copy(folder.path().join("away"), &path).unwrap();
        assert!(matches!(look_required(Role::Vault, &path, Some(&known)).unwrap(), Reading::Same(_)));
    }
}
