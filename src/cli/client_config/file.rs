//! The file of an MCP host: read, and replaced atomically, so that the host never sees a partial file.
//!
//! The file may hold secrets of other servers. So the new file and the backup get the owner and mode of the original before
//! they get any content.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use cofferdam_config::{quote, text};
use tempfile::NamedTempFile;

use crate::cli::exit::CommandError;

/// The maximum number of backups of one file.
const MAX_BACKUPS: u32 = 1000;

/// The file of an MCP host, as it was read.
#[derive(Debug)]
pub(super) struct HostFile {
    /// The absolute path by which the file was named. Backups are put next to it.
    path: PathBuf,
    /// The path behind symbolic links, which is replaced.
    target: PathBuf,
    /// The content, or `None` if the file does not exist.
    original: Option<Original>,
}

#[derive(Debug)]
struct Original {
    bytes: Vec<u8>,
    metadata: Metadata,
}

impl HostFile {
    /// Reads `path`, which does not have to exist.
    ///
    /// # Errors
    ///
    /// Returns a failure if `path` is not a file, is a broken symbolic link, or cannot be read.
    pub(super) fn read(path: &Path) -> Result<Self, CommandError> {
        let failed = |error| unreadable(path, &error);
        let absolute = std::path::absolute(path).map_err(failed)?;
        match fs::metadata(&absolute) {
            Ok(metadata) if metadata.is_file() => {
                let target = fs::canonicalize(&absolute).map_err(failed)?;
                let bytes = fs::read(&target).map_err(failed)?;
                Ok(Self { path: absolute, target, original: Some(Original { bytes, metadata }) })
            }
            Ok(metadata) => {
                let kind = if metadata.is_dir() { "a folder" } else { "not a regular file" };
                Err(CommandError::failure(
                    text!("{} is {kind}; --file needs a file", quote::path(path)),
                    "name the host's file, for example .mcp.json in a project",
                ))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => match fs::symlink_metadata(&absolute) {
                Ok(_) => Err(CommandError::failure(
                    text!("{} is a symbolic link to a file that does not exist", quote::path(path)),
                    "create that file, or remove the link",
                )),
                Err(_) => Ok(Self { target: absolute.clone(), path: absolute, original: None }),
            },
            Err(error) => Err(failed(error)),
        }
    }

    /// Returns the text of the file. Empty if the file does not exist.
    ///
    /// # Errors
    ///
    /// Returns a failure with the line if the file is not UTF-8.
    pub(super) fn text(&self) -> Result<&str, CommandError> {
        let bytes = self.original.as_ref().map_or(&[][..], |original| &original.bytes);
        str::from_utf8(bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            CommandError::failure(
                text!("{}:{line} is not UTF-8", quote::path(&self.path)),
                "save the file as UTF-8; it was not changed",
            )
        })
    }

    /// Replaces the file. Returns the path of the backup, or `None` if the file did not exist.
    ///
    /// # Errors
    ///
    /// Returns a failure if the file cannot be written, or was changed since it was read. The file is then unchanged.
    pub(super) fn replace(&self, text: &str) -> Result<Option<PathBuf>, CommandError> {
        let failed = |error| unwritable(&self.path, &error);
        let folder = self.target.parent().ok_or_else(|| failed(ErrorKind::InvalidFilename.into()))?;
        let Some(original) = &self.original else {
            fs::create_dir_all(folder).map_err(failed)?;
            let new = temp_file_like(folder, text.as_bytes(), None).map_err(failed)?;
            new.persist_noclobber(&self.target).map_err(|error| failed(error.error))?;
            sync(folder);
            return Ok(None);
        };
        if original.metadata.permissions().readonly() {
            return Err(CommandError::failure(
                text!("{} is read-only", quote::path(&self.path)),
                "make it writable, or name another file with --file",
            ));
        }
        let new = temp_file_like(folder, text.as_bytes(), Some(&original.metadata)).map_err(failed)?;
        // A running host writes this file too. A write between this check and `persist` would be lost; that is a short time.
        if fs::read(&self.target).map_err(failed)? != original.bytes {
            return Err(CommandError::failure(
                text!("{} was changed by another program in the meantime", quote::path(&self.path)),
                "close the host, and run the command again",
            ));
        }
        let backup = self.back_up(original).map_err(failed)?;
        new.persist(&self.target).map_err(|error| failed(error.error))?;
        sync(folder);
        Ok(Some(backup))
    }

    /// Writes the original under a name that is not in use, so that earlier backups stay.
    fn back_up(&self, original: &Original) -> io::Result<PathBuf> {
        let (Some(folder), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return Err(ErrorKind::InvalidFilename.into());
        };
        let mut copy = temp_file_like(folder, &original.bytes, Some(&original.metadata))?;
        for number in 1..=MAX_BACKUPS {
            let mut name = name.to_owned();
            name.push(if number == 1 { ".cofferdam.bak".into() } else { format!(".cofferdam.{number}.bak") });
            let path = folder.join(name);
            match copy.persist_noclobber(&path) {
                Ok(_) => return Ok(path),
                Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => copy = failed.file,
                Err(failed) => return Err(failed.error),
            }
        }
        Err(io::Error::other(format!("it has {MAX_BACKUPS} backups; remove some")))
    }
}

/// Creates a temporary file in `folder` with the owner and mode of `original`, or readable by its owner only.
fn temp_file_like(folder: &Path, bytes: &[u8], original: Option<&Metadata>) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(".cofferdam-").tempfile_in(folder)?;
    if let Some(original) = original {
        set_owner(file.as_file(), original)?;
        file.as_file().set_permissions(original.permissions())?;
    }
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

#[cfg(unix)]
fn set_owner(file: &File, original: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let now = file.metadata()?;
    if (now.uid(), now.gid()) == (original.uid(), original.gid()) {
        return Ok(());
    }
    fchown(file, Some(original.uid()), Some(original.gid()))
}

/// Elsewhere the permissions of the folder apply (*not verified*).
#[cfg(not(unix))]
fn set_owner(_file: &File, _original: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Makes the new name survive a power failure, if the system supports it. The file is complete in any case.
fn sync(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

fn unreadable(path: &Path, error: &io::Error) -> CommandError {
    CommandError::failure(
        text!("cannot read {}: {error}", quote::path(path)),
        "check the path, and that this user may read the file",
    )
}

fn unwritable(path: &Path, error: &io::Error) -> CommandError {
    CommandError::failure(
        text!("cannot write {}: {error}", quote::path(path)),
        "check that this user owns the file and may write to its folder; the file was not changed",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(error: CommandError) -> String {
        match error {
            CommandError::Message { message, .. } => message.to_string(),
            CommandError::Profile(error) => error.report(),
        }
    }

    #[cfg(unix)] // elsewhere a file that is open cannot be replaced: that is an error, and the file is not changed
    #[test]
    fn a_reader_of_the_old_file_reads_all_of_it() {
        use std::io::Read as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mcp.json");
        fs::write(&path, "old").unwrap();
        let mut host = File::open(&path).unwrap();
        HostFile::read(&path).unwrap().replace("new").unwrap();
        let mut seen = String::new();
        host.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "old");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn a_concurrent_write_of_the_host_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mcp.json");
        let absent = HostFile::read(&path).unwrap();
        fs::write(&path, "a host's").unwrap();
        let failure = absent.replace("ours").unwrap_err();
        assert!(message(failure).contains("cannot write"));

        let found = HostFile::read(&path).unwrap();
        fs::write(&path, "a host's later").unwrap();
        let failure = found.replace("ours").unwrap_err();
        assert!(message(failure).contains("changed by another program"));

        assert_eq!(fs::read_to_string(&path).unwrap(), "a host's later");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no other file is left");
    }
}
