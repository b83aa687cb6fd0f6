//! What may not change while a secret is read, so that all of its fields are those of one moment.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cofferdam_vault::SecretPath;

/// The link that the kubelet swaps in each folder that it mounts.
const DATA_LINK: &str = "..data";

/// Where the folder and the links `..data` on the way to a secret lead. A swapped one never leads back: the kubelet names
/// each folder anew.
///
/// With this the same before and after, a file that was not found was not there: it is no file of a folder that was
/// being removed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    root: PathBuf,
    links: Vec<Option<PathBuf>>,
}

impl Generation {
    /// The generation below the folder `root`, itself free of links, on the way to `path`; of `root` alone where there is no path.
    pub(crate) fn of(root: &Path, path: Option<&SecretPath>) -> Self {
        let mut folder = root.to_owned();
        let mut links = vec![fs::read_link(folder.join(DATA_LINK)).ok()];
        for segment in path.iter().flat_map(|path| path.segments()) {
            folder.push(segment);
            links.push(fs::read_link(folder.join(DATA_LINK)).ok());
        }
        Self { root: root.to_owned(), links }
    }
}

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    id: FileId,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { id: FileId::of(metadata), bytes: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// Which file it is, and when its content, name, owner or mode last changed: nobody can set that back.
#[cfg(unix)]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct FileId {
    device: u64,
    inode: u64,
    changed: (i64, i64),
}

#[cfg(unix)]
impl FileId {
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// The nearest equal elsewhere; not verified.
#[cfg(not(unix))]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct FileId {
    created: Option<SystemTime>,
}

#[cfg(not(unix))]
impl FileId {
    fn of(metadata: &Metadata) -> Self {
        Self { created: metadata.created().ok() }
    }
}
