//! Reads the encrypted document, and tells its states apart.

use std::path::Path;

use cofferdam_vault::VaultError;
use cofferdam_vault::files::{FileError, RegularFile};
use sha2::{Digest as _, Sha256};

use crate::error::{self, Role};

/// Maximum size of a document: as that of an age file.
pub(crate) const MAX_BYTES: usize = 16 << 20;

/// The SHA-256 of the encrypted document.
pub(crate) type FileDigest = [u8; 32];

/// The encrypted document: its bytes and their digest. Returns at once, whatever is at `path`.
pub(crate) fn read(path: &Path) -> Result<(Vec<u8>, FileDigest), VaultError> {
    let read = || RegularFile::open(path)?.read(MAX_BYTES);
    let bytes = read().map_err(|why| error::unreadable(Role::Document, path, why))?.to_vec();
    let digest = Sha256::digest(&bytes).into();
    Ok((bytes, digest))
}

/// Whether the key file can be read. Its content is for `sops`.
pub(crate) fn check_key_file(path: &Path) -> Result<(), VaultError> {
    let opened: Result<_, FileError> = RegularFile::open(path);
    opened.map(drop).map_err(|why| error::unreadable(Role::KeyFile, path, why))
}
