//! OS-specific code: file modes and owners, the lock file, syncing a folder.
//!
//! The fallbacks for systems other than Unix are not verified.

use std::time::SystemTime;

pub(crate) use imp::{
    Attributes, attributes, create_folders, create_private, fingerprint, foreign_lock, open_lock, open_mode,
    set_attributes, sync_folder,
};

/// Distinguishes the states of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: Option<SystemTime>,
    /// When mode, owner, name or content last changed. No user can set it back.
    changed: Option<SystemTime>,
}

impl Fingerprint {
    /// Whether both are the same file, even if its content has changed.
    pub(crate) fn same_file(&self, other: &Fingerprint) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// When the file last changed, if the system reports it.
    pub(crate) fn last_change(&self) -> Option<SystemTime> {
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

    use super::Fingerprint;

    /// Owner, group and mode of a file.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Attributes {
        mode: u32,
        owner: u32,
        group: u32,
    }

    /// Opens the lock file, which must exist. A link in its place is refused, and a FIFO or a terminal does not block.
    pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
        OpenOptions::new().read(true).write(true).custom_flags(flags.bits().cast_signed()).open(path)
    }

    /// Why an open lock file is not one of this vault's writers, whose file has the attributes `vault`; `None` if it is.
    pub(crate) fn foreign_lock(lock: &Metadata, vault: Option<Attributes>) -> Option<&'static str> {
        let trusted = [Some(rustix::process::geteuid().as_raw()), Some(0), vault.map(|vault| vault.owner)];
        if !lock.is_file() {
            Some("it is not a regular file")
        } else if !trusted.contains(&Some(lock.uid())) {
            Some("it belongs to a user who owns neither the vault nor this process; remove it")
        } else if lock.nlink() > 1 {
            Some("it is a second link to another file; remove it")
        } else if lock.mode() & 0o002 != 0 && vault.is_none_or(|vault| vault.mode & 0o002 == 0) {
            Some("every user can write it; remove it")
        } else {
            None
        }
    }

    /// Creates a file of mode 0600, which must not exist; a link counts as existing.
    pub(crate) fn create_private(path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
    }

    /// Creates `folder` and its missing parents with mode 0700, so that they survive a power failure.
    pub(crate) fn create_folders(folder: &Path) -> io::Result<()> {
        if folder.as_os_str().is_empty() || folder.is_dir() {
            return Ok(());
        }
        if let Some(parent) = folder.parent() {
            create_folders(parent)?;
            match DirBuilder::new().mode(0o700).create(folder) {
                // Another writer created it concurrently.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => created?,
            }
            sync_folder(parent)?;
        }
        Ok(())
    }

    /// Makes creations and renames in `folder` survive a power failure.
    pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()
    }

    pub(crate) fn fingerprint(metadata: &Metadata) -> Fingerprint {
        Fingerprint {
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

    /// Sets owner, group and mode of `file`.
    pub(crate) fn set_attributes(file: &File, new: Attributes) -> io::Result<()> {
        let now = attributes(&file.metadata()?);
        if (now.owner, now.group) != (new.owner, new.group) {
            fchown(file, Some(new.owner), Some(new.group))?;
        }
        file.set_permissions(Permissions::from_mode(new.mode))
    }

    /// The mode of a key file, if users other than its owner have access.
    pub(crate) fn open_mode(metadata: &Metadata) -> Option<u32> {
        let mode = metadata.mode() & 0o777;
        (mode & 0o077 != 0).then_some(mode)
    }
}

#[cfg(not(unix))]
mod imp {
    //! Not verified. Access is that of the folder. A file has no inode, so its times and length identify it.

    use std::fs::{File, Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

    use super::Fingerprint;

    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Attributes;

    pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(path)
    }

    pub(crate) fn foreign_lock(lock: &Metadata, _vault: Option<Attributes>) -> Option<&'static str> {
        (!lock.is_file()).then_some("it is not a regular file")
    }

    pub(crate) fn create_private(path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    }

    pub(crate) fn create_folders(folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)
    }

    pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn fingerprint(metadata: &Metadata) -> Fingerprint {
        Fingerprint {
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

    pub(crate) fn set_attributes(_file: &File, _new: Attributes) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn open_mode(_metadata: &Metadata) -> Option<u32> {
        None
    }
}
