//! What is particular to an operating system stands here, behind `cfg`, with the nearest equal elsewhere.
//!
//! Linux is what this is verified on. What stands in for it on other systems is marked *not verified*.

use std::io;
use std::path::{Path, PathBuf};

/// Keeps this process's memory out of core dumps, and away from debuggers of the same user.
///
/// Every command that holds secrets calls this before it reads the first one. On Linux the process also becomes
/// undumpable: `ptrace` and `/proc/PID/mem` are then for privileged users only. On other Unix systems only the size
/// of core dumps is set to zero (*not verified*).
///
/// # Errors
///
/// Where the system refuses, and `Unsupported` where it offers no such thing (*not verified*: Windows).
pub fn make_undumpable() -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    if cfg!(unix) { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
}

/// Writes a file that only its owner can read, replacing what is there.
///
/// Elsewhere than on Unix the folder's own permissions decide (*not verified*).
///
/// # Errors
///
/// What the file system answers.
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

/// The folder in which this user's desktop programs keep their settings; nothing where there is no home folder.
///
/// `%APPDATA%` on Windows and `~/Library/Application Support` on macOS (*not verified*), `$XDG_CONFIG_HOME` or `~/.config`
/// elsewhere.
pub fn settings_dir() -> Option<PathBuf> {
    let home = std::env::home_dir();
    if cfg!(windows) {
        return std::env::var_os("APPDATA").map(PathBuf::from);
    }
    if cfg!(target_os = "macos") {
        return home.map(|home| home.join("Library").join("Application Support"));
    }
    let named = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    named.filter(|path| path.is_absolute()).or_else(|| home.map(|home| home.join(".config")))
}

/// The signals that ask the process to end.
#[derive(Debug)]
pub struct EndSignals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl EndSignals {
    /// From here on SIGINT and SIGTERM end nothing by themselves, but are answered by [`EndSignals::next`].
    ///
    /// # Errors
    ///
    /// Where the system refuses a handler.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for the next one. Elsewhere than on Unix that is Ctrl-C alone (*not verified*).
    pub async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            // No handler could be set: nothing will ever come.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    #[test]
    fn an_undumpable_process_leaves_no_core() {
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::Dumpable);
        make_undumpable().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
    }

    #[test]
    fn a_private_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_private_file(&path, b"long content").unwrap();
        write_private_file(&path, b"short").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"short");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
