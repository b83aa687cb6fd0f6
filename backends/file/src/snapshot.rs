//! Detects changes while a secret is read, so that all of its fields belong to one moment.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cofferdam_vault::SecretPath;

/// The link that the kubelet swaps in each folder that it mounts.
const DATA_LINK: &str = "..data";

/// The targets of the folder and of the links `..data` on the path to a secret. A swapped link never gets an old target
/// again, because the kubelet names each folder uniquely.
///
/// If the snapshots before and after a read are equal, a file that was not found does not exist. It does not belong to a
/// folder that was being removed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    root: PathBuf,
    links: Vec<Option<PathBuf>>,
}

impl Snapshot {
    /// The snapshot of `root`, a path without links, and of the folders on the path to `path`.
    pub(crate) fn take(root: &Path, path: Option<&SecretPath>) -> Self {
        let mut folder = root.to_owned();
        let mut links = vec![fs::read_link(folder.join(DATA_LINK)).ok()];
        for segment in path.iter().flat_map(|path| path.segments()) {
            folder.push(segment);
            links.push(fs::read_link(folder.join(DATA_LINK)).ok());
        }
        Self { root: root.to_owned(), links }
    }
}

/// Distinguishes the states of a file without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint {
    id: FileId,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Fingerprint {
    pub(crate) fn from_metadata(metadata: &Metadata) -> Self {
        Self {
            id: FileId::from_metadata(metadata),
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }
}

/// The identity of the file, and when its content, name, owner or mode last changed. No user can set that time back.
#[cfg(unix)]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct FileId {
    device: u64,
    inode: u64,
    changed: (i64, i64),
}

#[cfg(unix)]
impl FileId {
    fn from_metadata(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Fallback for other systems; not verified.
#[cfg(not(unix))]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct FileId {
    created: Option<SystemTime>,
}

#[cfg(not(unix))]
impl FileId {
    fn from_metadata(metadata: &Metadata) -> Self {
        Self { created: metadata.created().ok() }
    }
}
