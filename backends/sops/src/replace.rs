//! Changes a copy of the document, which then replaces it: after a power failure it has the old or the new content.
//!
//! The copy has the document's ending, because `sops` derives the format from it. It is encrypted at every moment. A writer
//! that is killed leaves it behind, and the next writer removes it: it holds the lock.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cofferdam_vault::VaultError;

use crate::error;
use crate::lock::Lock;

/// A copy of a document, removed on drop.
pub(crate) struct Copy<'a> {
    path: PathBuf,
    document: &'a Path,
}

impl<'a> Copy<'a> {
    /// A copy of `document`, which has this `content`, in its folder.
    pub(crate) fn create(document: &'a Path, content: &[u8], _: &Lock) -> Result<Self, VaultError> {
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let (stem, ending) = (part(document.file_stem()), part(document.extension()));
        let path = document.with_file_name(format!(".{stem}.cofferdam-tmp.{ending}"));
        // Of a writer that was killed.
        let _ = fs::remove_file(&path);
        let copy = Self { path, document };
        copy.write(content).map_err(|why| error::unwritable_file(&copy.path, &why))?;
        Ok(copy)
    }

    /// Where the copy is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the copy in the place of the document.
    pub(crate) fn persist(self) -> Result<(), VaultError> {
        let sync = |path: &Path| File::open(path)?.sync_all();
        let persist = || {
            sync(&self.path)?;
            fs::rename(&self.path, self.document)?;
            sync(self.document.parent().unwrap_or(Path::new("/")))
        };
        persist().map_err(|why: io::Error| error::unwritable_file(self.document, &why))
    }

    fn write(&self, content: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let mut file = options.open(&self.path)?;
        file.write_all(content)?;
        let original = fs::metadata(self.document)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt as _, fchown};
            let own = file.metadata()?;
            if (own.uid(), own.gid()) != (original.uid(), original.gid()) {
                fchown(&file, Some(original.uid()), Some(original.gid()))?;
            }
        }
        file.set_permissions(original.permissions())
    }
}

impl Drop for Copy<'_> {
    fn drop(&mut self) {
        // It is gone if it replaced the document.
        let _ = fs::remove_file(&self.path);
    }
}
