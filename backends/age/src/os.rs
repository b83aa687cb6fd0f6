//! What is particular to an operating system: file modes and owners, opening without blocking, syncing a folder.
//!
//! The part for systems other than Unix is the nearest equal there is, and not verified.

use std::time::SystemTime;

pub(crate) use imp::{
    Attributes, attributes, create_folders, create_private, exposed, keep_attributes, open_lock,
    open_to_read, stamp, sync_folder,
};

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: Option<SystemTime>,
    /// When mode, owner, name or content last changed; nobody can set it back.
    changed: Option<SystemTime>,
}

impl Stamp {
    /// Whether both are the same file, whatever happened to its content.
    pub(crate) fn same_file(&self, other: &Stamp) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// When the file was last touched, where the system tells.
    pub(crate) fn touched(&self) -> Option<SystemTime> {
        self.modified.max(self.changed)
    }
}

#[cfg(unix)]
mod imp {
    use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
    use std::path::Path;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use rustix::fs::OFlags;

    use super::Stamp;

    /// Neither a FIFO without a writer nor a terminal may hold or take over the thread. `O_CLOEXEC` is the standard
    /// library's own addition to every file that it opens.
    const NO_WAIT: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY);

    /// Who owns a file, and who may do what with it.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Attributes {
        mode: u32,
        owner: u32,
        group: u32,
    }

    /// Opens for reading, and returns at once whatever stands at `path`.
    pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).custom_flags(NO_WAIT.bits().cast_signed()).open(path)
    }

    /// Opens the lock file, made with mode 0600 where there is none; a link in its place is refused.
    pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags((NO_WAIT | OFlags::NOFOLLOW).bits().cast_signed())
            .open(path)
    }

    /// Creates a file of mode 0600 that was not there before.
    pub(crate) fn create_private(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }

    /// Creates `folder` and those above it that are missing, mode 0700, so that they outlast a power cut.
    pub(crate) fn create_folders(folder: &Path) -> io::Result<()> {
        if folder.as_os_str().is_empty() || folder.is_dir() {
            return Ok(());
        }
        if let Some(parent) = folder.parent() {
            create_folders(parent)?;
            match DirBuilder::new().mode(0o700).create(folder) {
                // Another writer was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => made?,
            }
            sync_folder(parent)?;
        }
        Ok(())
    }

    /// Makes what was created or renamed in `folder` outlast a power cut.
    pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()
    }

    pub(crate) fn stamp(metadata: &Metadata) -> Stamp {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: time(metadata.mtime(), metadata.mtime_nsec()),
            changed: time(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn time(seconds: i64, nanos: i64) -> Option<SystemTime> {
        let (seconds, nanos) = (u64::try_from(seconds).ok()?, u64::try_from(nanos).ok()?);
        UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?.checked_add(Duration::from_nanos(nanos))
    }

    pub(crate) fn attributes(metadata: &Metadata) -> Attributes {
        Attributes { mode: metadata.mode() & 0o7777, owner: metadata.uid(), group: metadata.gid() }
    }

    /// Gives `file` the owner, group and mode of the file that it will replace.
    pub(crate) fn keep_attributes(file: &File, kept: Attributes) -> io::Result<()> {
        let now = attributes(&file.metadata()?);
        if (now.owner, now.group) != (kept.owner, kept.group) {
            fchown(file, Some(kept.owner), Some(kept.group))?;
        }
        file.set_permissions(Permissions::from_mode(kept.mode))
    }

    /// The mode of a key file, where anyone but its owner may do something with it.
    pub(crate) fn exposed(metadata: &Metadata) -> Option<u32> {
        let mode = metadata.mode() & 0o777;
        (mode & 0o077 != 0).then_some(mode)
    }
}

#[cfg(not(unix))]
mod imp {
    //! Not verified. Access is what the folder grants; a file has no inode, so its times and length stand for it.

    use std::fs::{File, Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

    use super::Stamp;

    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Attributes;

    pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
        File::open(path)
    }

    pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
    }

    pub(crate) fn create_private(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    pub(crate) fn create_folders(folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)
    }

    pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn stamp(metadata: &Metadata) -> Stamp {
        Stamp {
            device: 0,
            inode: 0,
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            changed: metadata.created().ok(),
        }
    }

    pub(crate) fn attributes(_metadata: &Metadata) -> Attributes {
        Attributes
    }

    pub(crate) fn keep_attributes(_file: &File, _kept: Attributes) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn exposed(_metadata: &Metadata) -> Option<u32> {
        None
    }
}
