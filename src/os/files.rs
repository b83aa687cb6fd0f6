//! Private files, and the folder for a user's settings.

use std::io;
use std::path::{Path, PathBuf};

/// Writes a file that only its owner can read. Replaces the content of an existing file.
///
/// The mode 0600 is set on Unix only; elsewhere the permissions of the folder apply (*not verified*).
///
/// # Errors
///
/// Returns the error of the file system.
pub fn write_private_file(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)?.write_all(content)
}

/// Returns the folder of this user's configuration, or `None` without a home folder.
///
/// `%APPDATA%` on Windows (*not verified*), `$XDG_CONFIG_HOME` or `~/.config` elsewhere. The result is absolute: a relative
/// path would be one in the working folder, which has no authority.
pub fn config_dir() -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(absolute);
    if cfg!(windows) {
        return variable("APPDATA");
    }
    let home = || std::env::home_dir().filter(absolute);
    variable("XDG_CONFIG_HOME").or_else(|| home().map(|home| home.join(".config")))
}

/// Returns the folder in which desktop programs keep their settings for this user, or `None` without a home folder.
///
/// `~/Library/Application Support` on macOS (*not verified*), [`config_dir`] elsewhere.
pub fn settings_dir() -> Option<PathBuf> {
    if cfg!(target_os = "macos") {
        return std::env::home_dir().map(|home| home.join("Library").join("Application Support"));
    }
    config_dir()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_can_read_a_private_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_private_file(&path, b"long content").unwrap();
        write_private_file(&path, b"short").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"short");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
