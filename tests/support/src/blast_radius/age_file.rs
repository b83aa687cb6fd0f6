//! The age vault: one encrypted file and its key, and the ways to break them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cofferdam::os::write_private_file;
use cofferdam_vault::ExposeSecret as _;

use super::{Failed, Fault};

const FILE: &str = "vault.age";

/// The file and its key, with what they hold while they are good.
pub(crate) struct AgeFile {
    file: PathBuf,
    key: PathBuf,
    sealed: Vec<u8>,
    good_key: String,
    #[cfg(target_os = "linux")]
    hanging: Option<cofferdam_servers::HangingMount>,
}

impl AgeFile {
    /// Creates both in `folder`.
    pub(crate) fn make(folder: &Path, token: &str) -> Result<Self, Failed> {
        let identity = age::x25519::Identity::generate();
        let text = format!("[\"age/default\"]\ntoken = \"{token}\"\n");
        let sealed = age::encrypt(&identity.to_public(), text.as_bytes())?;
        let made = Self {
            file: folder.join(FILE),
            key: folder.join("key.txt"),
            sealed,
            good_key: identity.to_string().expose_secret().to_owned(),
            #[cfg(target_os = "linux")]
            hanging: None,
        };
        made.write()?;
        Ok(made)
    }

    fn write(&self) -> io::Result<()> {
        write_private_file(&self.key, self.good_key.as_bytes())?;
        write_private_file(&self.file, &self.sealed)
    }

    /// Prepares what `fault` needs before the server starts: a file that hangs needs a file system of its own.
    pub(crate) fn prepare(&mut self, fault: Fault) -> Result<(), Failed> {
        if fault == Fault::Hung {
            #[cfg(target_os = "linux")]
            {
                let mount = cofferdam_servers::HangingMount::mount()?;
                write_private_file(&mount.source().join(FILE), &self.sealed)?;
                self.hanging = Some(mount);
            }
            #[cfg(not(target_os = "linux"))]
            return Err("a file system that hangs is made with FUSE, on Linux only".into());
        }
        Ok(())
    }

    /// The vault's file, and its key's.
    pub(crate) fn paths(&self) -> (PathBuf, PathBuf) {
        #[cfg(target_os = "linux")]
        if let Some(mount) = &self.hanging {
            return (mount.folder().join(FILE), self.key.clone());
        }
        (self.file.clone(), self.key.clone())
    }

    pub(crate) fn break_by(&mut self, fault: Fault) -> Result<(), Failed> {
        match fault {
            Fault::Removed => fs::remove_file(&self.file)?,
            Fault::Corrupted => fs::write(&self.file, b"\xff\xfe garbage \x00\x01")?,
            Fault::WrongKey => {
                let other = age::x25519::Identity::generate();
                write_private_file(&self.key, other.to_string().expose_secret().as_bytes())?;
            }
            // Root reads a file whatever its mode; a link to itself cannot be opened.
            Fault::Unreadable => {
                fs::remove_file(&self.file)?;
                #[cfg(unix)]
                std::os::unix::fs::symlink(&self.file, &self.file)?;
            }
            #[cfg(target_os = "linux")]
            Fault::Hung => {
                if let Some(mount) = &self.hanging {
                    mount.hang();
                }
            }
            _ => return Err(format!("a file cannot be made `{fault}`").into()),
        }
        Ok(())
    }

    pub(crate) fn repair(&mut self) -> Result<(), Failed> {
        #[cfg(target_os = "linux")]
        if let Some(mount) = &self.hanging {
            mount.resume();
            return Ok(());
        }
        if fs::symlink_metadata(&self.file).is_ok_and(|found| found.is_symlink()) {
            fs::remove_file(&self.file)?;
        }
        Ok(self.write()?)
    }

    /// Undoes [`AgeFile::prepare`].
    pub(crate) fn restore(&mut self) -> Result<(), Failed> {
        self.repair()?;
        #[cfg(target_os = "linux")]
        {
            self.hanging = None;
        }
        Ok(())
    }
}
