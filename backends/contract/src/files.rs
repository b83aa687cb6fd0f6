//! Reads a file that a person configured. Whatever is at its path, the read neither blocks a thread forever nor takes
//! more memory than allowed.
//!
//! ```
//! use cofferdam_vault::files::RegularFile;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("token");
//! # std::fs::write(&path, "t0ken")?;
//! let content = RegularFile::open(&path)?.read(1024)?;
//! assert_eq!(content.as_slice(), b"t0ken");
//! # Ok(())
//! # }
//! ```

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

/// Marks the encoding of a text at whose start it is. It is not part of the text.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// `text` without the byte-order mark at its start, which some editors and shells on Windows add.
///
/// ```
/// use cofferdam_vault::files::without_byte_order_mark;
///
/// assert_eq!(without_byte_order_mark("\u{feff}t0ken"), "t0ken");
/// ```
#[must_use]
pub fn without_byte_order_mark(text: &str) -> &str {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// The value that is alone in a file with this `text`: without what editors and `echo` add, a byte-order mark at the start
/// and one line break at the end, LF or CRLF.
///
/// ```
/// use cofferdam_vault::files::sole_value;
///
/// assert_eq!(sole_value("\u{feff}t0ken\r\n"), "t0ken");
/// assert_eq!(sole_value("t0ken\n\n"), "t0ken\n");
/// assert_eq!(sole_value("t0ken\r"), "t0ken\r");
/// ```
#[must_use]
pub fn sole_value(text: &str) -> &str {
    let text = without_byte_order_mark(text);
    text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line))
}

/// Why a file could not be read. Holds nothing of its content; the caller adds the path.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// What the system reported.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is a folder, a FIFO, a device or a socket.
    #[error("is not a regular file")]
    NotRegular,
    /// It holds more than the reader allows.
    #[error("is larger than {max_bytes} bytes")]
    TooLarge {
        /// The greatest size that was allowed.
        max_bytes: usize,
    },
}

/// A regular file, opened for reading. Symbolic links are followed, because mounted secrets consist of them.
#[derive(Debug)]
pub struct RegularFile {
    file: File,
    metadata: Metadata,
}

impl RegularFile {
    /// Opens the file at `path`. Returns at once whatever is there: a FIFO without a writer does not block the thread.
    /// Hangs only if the file system itself hangs.
    ///
    /// # Errors
    ///
    /// `Io` and `NotRegular`.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let file = open_without_waiting(path)?;
        let metadata = file.metadata()?;
        if metadata.is_file() { Ok(Self { file, metadata }) } else { Err(FileError::NotRegular) }
    }

    /// The metadata when the file was opened.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The metadata now, for a caller that checks whether the file has changed since.
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn metadata_now(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// Reads the file to its end, from where an earlier read ended. Every buffer is zeroized, outgrown ones too.
    ///
    /// # Errors
    ///
    /// `Io`, and `TooLarge` if the file holds more than `max_bytes`.
    pub fn read(&mut self, max_bytes: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
        let expected = usize::try_from(self.metadata.len()).unwrap_or(usize::MAX);
        // One byte more than expected detects the end, and one more than allowed detects an excess.
        let mut content = Zeroizing::new(vec![0; expected.min(max_bytes) + 1]);
        let mut length = 0;
        loop {
            if length > max_bytes {
                return Err(FileError::TooLarge { max_bytes });
            }
            if length == content.len() {
                // It grew, or the file system reports no length. A vector that grows by itself would leave a copy.
                let mut larger = Zeroizing::new(vec![0; length.saturating_mul(2).min(max_bytes + 1)]);
                larger[..length].copy_from_slice(&content);
                content = larger;
            }
            match self.file.read(&mut content[length..]) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        content.truncate(length);
        Ok(content)
    }
}

/// `NONBLOCK`: a FIFO without a writer does not block the thread. `NOCTTY`: a terminal does not become this process's.
/// Both have no effect on a regular file. The standard library adds `O_CLOEXEC`.
#[cfg(unix)]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Other systems have no such flags; not verified.
#[cfg(not(unix))]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_not_a_regular_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let absent = RegularFile::open(&folder.path().join("absent")).unwrap_err();
        assert!(matches!(absent, FileError::Io(error) if error.kind() == io::ErrorKind::NotFound));
        assert!(matches!(RegularFile::open(folder.path()), Err(FileError::NotRegular)), "a folder");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_fifo_without_a_writer_does_not_block() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert!(matches!(RegularFile::open(&fifo), Err(FileError::NotRegular)));
    }

    #[test]
    fn a_file_is_read_whole_up_to_what_is_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for length in [0, 1, 99, 100] {
            fs::write(&path, vec![b'x'; length]).unwrap();
            assert_eq!(RegularFile::open(&path).unwrap().read(100).unwrap().len(), length);
        }
        fs::write(&path, vec![b'x'; 101]).unwrap();
        let error = RegularFile::open(&path).unwrap().read(100).unwrap_err();
        assert!(matches!(error, FileError::TooLarge { max_bytes: 100 }), "{error}");
    }

    #[test]
    fn a_file_that_grows_after_it_was_opened_is_read_whole_and_stays_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (grown, allowed) in [(1000, 1000), (1001, 1000)] {
            fs::write(&path, "x").unwrap();
            let mut file = RegularFile::open(&path).unwrap();
            fs::write(&path, vec![b'x'; grown]).unwrap();
            match file.read(allowed) {
                Ok(content) => assert_eq!((content.len(), grown), (grown, allowed)),
                Err(error) => {
                    assert!(matches!(error, FileError::TooLarge { .. }) && grown > allowed, "{error}")
                }
            }
        }
    }
}
