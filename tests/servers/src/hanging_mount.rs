//! A file system that hangs on demand: a folder mounted over FUSE by `bindfs`, whose process is stopped and continued.
//!
//! While the process is stopped, whoever opens a file below the mount is stuck in the kernel, as on a network file system
//! whose server is gone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::cache::Unavailable;
use crate::debian;
use crate::process::Running;

const REMEDY: &str =
    "allow FUSE (/dev/fuse and the right to mount), or install from Debian: apt-get install bindfs fuse3";
/// Maximum time until the mount is there.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A mounted folder; dropping it unmounts it.
#[derive(Debug)]
pub struct HangingMount {
    // Unmounted before its folders are removed.
    bindfs: Running,
    source: tempfile::TempDir,
    target: tempfile::TempDir,
}

impl HangingMount {
    /// Mounts an empty folder. It works until [`HangingMount::hang`] is called.
    ///
    /// # Errors
    ///
    /// When `bindfs` cannot be installed, or FUSE may not be used.
    pub fn mount() -> Result<Self, Unavailable> {
        let failed = |why: &dyn std::fmt::Display| Unavailable::new("a file system that hangs", why, REMEDY);
        let program = debian::program("bindfs", "bindfs")?;
        debian::program("fusermount3", "fuse3")?;
        let source = tempfile::tempdir().map_err(|error| failed(&error))?;
        let target = tempfile::tempdir().map_err(|error| failed(&error))?;
        let mut command = Command::new(program);
        // Nothing is left to the kernel's caches: each access is a request to the process.
        command.args([
            "-f",
            "-o",
            "attr_timeout=0,entry_timeout=0,negative_timeout=0,fsname=cofferdam-hanging",
        ]);
        command.arg(source.path()).arg(target.path());
        let bindfs = Running::start(&mut command).map_err(|error| failed(&error))?;
        let mount = Self { bindfs, source, target };
        let until = Instant::now() + START_TIMEOUT;
        while !mount.is_mounted().map_err(|error| failed(&error))? {
            if Instant::now() > until {
                return Err(failed(&mount.bindfs.stderr()));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(mount)
    }

    /// A mount point is on another device than the folder that it was.
    fn is_mounted(&self) -> std::io::Result<bool> {
        let device = |folder: &Path| rustix::fs::stat(folder).map(|found| found.st_dev);
        Ok(device(self.target.path())? != device(self.source.path())?)
    }

    /// The mounted folder.
    pub fn folder(&self) -> &Path {
        self.target.path()
    }

    /// The folder behind the mount, where files are written while the mount hangs.
    pub fn source(&self) -> PathBuf {
        self.source.path().to_owned()
    }

    /// Stops answering.
    pub fn hang(&self) {
        self.signal(Signal::STOP);
    }

    /// Answers again, also what was asked meanwhile.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.bindfs.id()).ok().and_then(Pid::from_raw);
        // The process may have ended: then the mount fails instead of hanging, and the test sees that.
        let _ = pid.map(|pid| kill_process(pid, signal));
    }
}

impl Drop for HangingMount {
    fn drop(&mut self) {
        self.resume();
        // Lazily, because a reader may still have a file open.
        let _ = Command::new("fusermount3").args(["-u", "-z"]).arg(self.target.path()).output();
    }
}
