//! A host's file: read, and replaced at one stroke, so that a host never sees half of it.
//!
//! It may hold the secrets of other servers. So whatever is written, the backup included, has the owner and the mode of
//! what was there, and no moment at which others could read it.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::super::exit::CommandError;

/// How many backups one file may have.
const MOST_BACKUPS: u32 = 1000;

/// A host's file as it was found.
#[derive(Debug)]
pub(super) struct HostFile {
    /// As it was named: backups stand beside this.
    named: PathBuf,
    /// Behind links: what is replaced.
    real: PathBuf,
    /// What stands in it; nothing where it is not there.
    found: Option<Found>,
}

#[derive(Debug)]
struct Found {
    bytes: Vec<u8>,
    metadata: Metadata,
}

impl HostFile {
    /// Reads `path`, which need not be there.
    ///
    /// # Errors
    ///
    /// Where it is no file, a link to nothing, or cannot be read.
    pub(super) fn read(path: &Path) -> Result<Self, CommandError> {
        let failed = |error| unreadable(path, &error);
        let named = std::path::absolute(path).map_err(failed)?;
        match fs::metadata(&named) {
            Ok(metadata) if metadata.is_file() => {
                let real = fs::canonicalize(&named).map_err(failed)?;
                let bytes = fs::read(&real).map_err(failed)?;
                Ok(Self { named, real, found: Some(Found { bytes, metadata }) })
            }
            Ok(_) => Err(CommandError::failure(format!("{} is no file", path.display()), "name a file")),
            Err(error) if error.kind() == ErrorKind::NotFound => match fs::symlink_metadata(&named) {
                Ok(_) => Err(CommandError::failure(
                    format!("{} is a link to a file that is not there", path.display()),
                    "make that file, or remove the link",
                )),
                Err(_) => Ok(Self { real: named.clone(), named, found: None }),
            },
            Err(error) => Err(failed(error)),
        }
    }

    /// Its text; empty where it is not there.
    ///
    /// # Errors
    ///
    /// Where it is no UTF-8, with the line.
    pub(super) fn text(&self) -> Result<&str, CommandError> {
        let bytes = self.found.as_ref().map_or(&[][..], |found| &found.bytes);
        str::from_utf8(bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            CommandError::failure(
                format!("{}:{line} is no UTF-8 text", self.named.display()),
                "save the file as UTF-8; nothing was changed",
            )
        })
    }

    /// Replaces it; answers where the backup is, unless there was nothing to keep.
    ///
    /// # Errors
    ///
    /// Where that cannot be done, or somebody changed the file since it was read. It is then as it was.
    pub(super) fn replace(&self, text: &str) -> Result<Option<PathBuf>, CommandError> {
        let failed = |error| unwritable(&self.named, &error);
        let folder = self.real.parent().ok_or_else(|| failed(ErrorKind::InvalidFilename.into()))?;
        let Some(found) = &self.found else {
            fs::create_dir_all(folder).map_err(failed)?;
            let new = like(folder, text.as_bytes(), None).map_err(failed)?;
            new.persist_noclobber(&self.real).map_err(|refused| failed(refused.error))?;
            sync(folder);
            return Ok(None);
        };
        if found.metadata.permissions().readonly() {
            return Err(CommandError::failure(
                format!("{} may not be written: somebody made it read-only", self.named.display()),
                "make it writable, or name another file with --file",
            ));
        }
        let new = like(folder, text.as_bytes(), Some(&found.metadata)).map_err(failed)?;
        // A host that runs writes it too. What it writes between here and the last step is in neither file; that is short.
        if fs::read(&self.real).map_err(failed)? != found.bytes {
            return Err(CommandError::failure(
                format!("{} was changed by another program meanwhile", self.named.display()),
                "close the host, and try again",
            ));
        }
        let backup = self.back_up(found).map_err(failed)?;
        new.persist(&self.real).map_err(|refused| failed(refused.error))?;
        sync(folder);
        Ok(Some(backup))
    }

    /// Keeps what was found under a name that was free, so that the first backup stays the first.
    fn back_up(&self, found: &Found) -> io::Result<PathBuf> {
        let (Some(folder), Some(name)) = (self.named.parent(), self.named.file_name()) else {
            return Err(ErrorKind::InvalidFilename.into());
        };
        let mut copy = like(folder, &found.bytes, Some(&found.metadata))?;
        for number in 1..=MOST_BACKUPS {
            let mut name = name.to_owned();
            name.push(if number == 1 { ".cofferdam.bak".into() } else { format!(".cofferdam.{number}.bak") });
            let path = folder.join(name);
            match copy.persist_noclobber(&path) {
                Ok(_) => return Ok(path),
                Err(refused) if refused.error.kind() == ErrorKind::AlreadyExists => copy = refused.file,
                Err(refused) => return Err(refused.error),
            }
        }
        Err(io::Error::other("there are too many backups beside it; remove some"))
    }
}

/// A file in `folder` with these bytes and the owner and mode of `original`; its owner's alone where there is none.
fn like(folder: &Path, bytes: &[u8], original: Option<&Metadata>) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(".cofferdam-").tempfile_in(folder)?;
    if let Some(original) = original {
        give_owner(file.as_file(), original)?;
        file.as_file().set_permissions(original.permissions())?;
    }
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

#[cfg(unix)]
fn give_owner(file: &File, original: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let now = file.metadata()?;
    if (now.uid(), now.gid()) == (original.uid(), original.gid()) {
        return Ok(());
    }
    fchown(file, Some(original.uid()), Some(original.gid()))
}

/// Elsewhere the folder's own permissions decide (*not verified*).
#[cfg(not(unix))]
fn give_owner(_file: &File, _original: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Makes a new name outlive a power cut, where the system can: the file itself is whole either way.
fn sync(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

fn unreadable(path: &Path, error: &io::Error) -> CommandError {
    CommandError::failure(
        format!("{} cannot be read: {error}", path.display()),
        "check the path, and that this user may read it",
    )
}

fn unwritable(path: &Path, error: &io::Error) -> CommandError {
    CommandError::failure(
        format!("{} cannot be written: {error}", path.display()),
        "check that this user owns the file and may write into its folder; the file is as it was",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(failure: CommandError) -> String {
        match failure {
            CommandError::Message { message, .. } => message,
            CommandError::Profile(error) => error.report(),
        }
    }

    #[cfg(unix)] // elsewhere a file that somebody reads cannot be replaced: that is an error, and nothing is changed
    #[test]
    fn who_reads_the_old_file_reads_all_of_it() {
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
    fn what_a_host_writes_meanwhile_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mcp.json");
        let absent = HostFile::read(&path).unwrap();
        fs::write(&path, "a host's").unwrap();
        let failure = absent.replace("ours").unwrap_err();
        assert!(message(failure).contains("cannot be written"));

        let found = HostFile::read(&path).unwrap();
        fs::write(&path, "a host's later").unwrap();
        let failure = found.replace("ours").unwrap_err();
        assert!(message(failure).contains("changed by another program"));

        assert_eq!(fs::read_to_string(&path).unwrap(), "a host's later");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left there");
    }
}
