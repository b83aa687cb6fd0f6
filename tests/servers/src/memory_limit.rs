//! A memory limit for a process, as a container has one: a control group, of version 1 or 2, without swap.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::cache::Unavailable;

const REMEDY: &str = "run as root on Linux with the memory controller: mounted at /sys/fs/cgroup (`mount -t cgroup2 none \
     /sys/fs/cgroup`, or version 1: `mount -t cgroup -o memory none /sys/fs/cgroup/memory`), writable, and in a container \
     with `--privileged --cgroupns=host`";

/// How long to wait until the kernel has released the last process of a group.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(5);

static NAMES: AtomicU32 = AtomicU32::new(0);

/// A control group whose processes have a limit for their memory and no swap. The kernel kills a process that exceeds it.
///
/// Dropping it removes the group; its processes must have ended.
#[derive(Debug)]
pub struct MemoryLimit {
    group: PathBuf,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl MemoryLimit {
    /// Creates a group with a limit of `bytes`.
    ///
    /// # Errors
    ///
    /// If the system has no memory controller, or this process may not use it.
    pub fn new(bytes: u64) -> Result<Self, Unavailable> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")
            .map_err(|error| failed(&format!("/proc/self/mountinfo: {error}")))?;
        let (root, version) = hierarchy(&mounts).ok_or_else(|| failed(&"no memory controller is mounted"))?;
        if version == Version::Two {
            delegate(&root)?;
        }
        let name = format!("cofferdam-{}-{}", std::process::id(), NAMES.fetch_add(1, Ordering::Relaxed));
        let group = root.join(name);
        fs::create_dir(&group).map_err(|error| failed(&format!("{}: {error}", group.display())))?;
        let limit = Self { group, version };
        let bytes = bytes.to_string();
        match version {
            Version::One => {
                limit.set("memory.limit_in_bytes", &bytes)?;
                limit.forbid_swap("memory.memsw.limit_in_bytes", &bytes)?;
            }
            Version::Two => {
                limit.set("memory.max", &bytes)?;
                limit.forbid_swap("memory.swap.max", "0")?;
            }
        }
        Ok(limit)
    }

    /// The file to which a process writes `0` to join the group.
    pub fn processes(&self) -> PathBuf {
        self.group.join("cgroup.procs")
    }

    /// How many processes of the group the kernel has killed because of the limit.
    ///
    /// # Errors
    ///
    /// If the kernel does not report it.
    pub fn kills(&self) -> Result<u64, Unavailable> {
        let name = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        let text = self.get(name)?;
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok());
        count.ok_or_else(|| failed(&format!("{name} has no oom_kill")))
    }

    /// The most memory that the group has used so far, in bytes; with what the kernel keeps for it, such as file pages.
    ///
    /// # Errors
    ///
    /// If the kernel does not report it; version 2 does since Linux 5.19.
    pub fn peak(&self) -> Result<u64, Unavailable> {
        let name = match self.version {
            Version::One => "memory.max_usage_in_bytes",
            Version::Two => "memory.peak",
        };
        self.get(name)?.trim().parse().map_err(|error| failed(&format!("{name}: {error}")))
    }

    /// Without swap accounting, the machine must have no swap: memory that is swapped out would not count.
    fn forbid_swap(&self, name: &str, value: &str) -> Result<(), Unavailable> {
        if self.group.join(name).exists() {
            return self.set(name, value);
        }
        let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
        match swaps.lines().count() {
            0 | 1 => Ok(()),
            _ => Err(failed(&format!(
                "the kernel has no {name}, and swap is on; switch it off with `swapoff -a`"
            ))),
        }
    }

    fn set(&self, name: &str, value: &str) -> Result<(), Unavailable> {
        let path = self.group.join(name);
        fs::write(&path, value).map_err(|error| failed(&format!("{}: {error}", path.display())))
    }

    fn get(&self, name: &str) -> Result<String, Unavailable> {
        let path = self.group.join(name);
        fs::read_to_string(&path).map_err(|error| failed(&format!("{}: {error}", path.display())))
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        // The kernel releases a process a moment after it has ended. A group that stays is empty and costs nothing.
        let end = Instant::now() + REMOVAL_TIMEOUT;
        while let Err(error) = fs::remove_dir(&self.group) {
            if error.kind() == io::ErrorKind::NotFound || Instant::now() > end {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Lets the groups below `root` limit their memory.
fn delegate(root: &Path) -> Result<(), Unavailable> {
    let path = root.join("cgroup.subtree_control");
    let shown = |error: io::Error| failed(&format!("{}: {error}", path.display()));
    if fs::read_to_string(&path).map_err(shown)?.split_whitespace().any(|name| name == "memory") {
        return Ok(());
    }
    fs::write(&path, "+memory").map_err(shown)
}

/// The root of the groups that limit memory, from the text of `mountinfo`.
fn hierarchy(mounts: &str) -> Option<(PathBuf, Version)> {
    mounts.lines().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let folder = PathBuf::from(mount.split(' ').nth(4)?);
        let mut words = filesystem.split(' ');
        let (kind, options) = (words.next()?, words.nth(1)?);
        match kind {
            "cgroup" if options.split(',').any(|option| option == "memory") => Some((folder, Version::One)),
            "cgroup2" => {
                let controllers = fs::read_to_string(folder.join("cgroup.controllers")).ok()?;
                let memory = controllers.split_whitespace().any(|name| name == "memory");
                memory.then_some((folder, Version::Two))
            }
            _ => None,
        }
    })
}

fn failed(why: &dyn std::fmt::Display) -> Unavailable {
    Unavailable::new("a memory limit for a process", why, REMEDY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hierarchy_of_version_1_is_the_one_with_memory() {
        let mounts = "26 25 0:23 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n\
                      27 25 0:24 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n";
        assert_eq!(hierarchy(mounts), Some((PathBuf::from("/sys/fs/cgroup/memory"), Version::One)));
        assert_eq!(hierarchy("21 1 0:5 / /dev rw - devtmpfs devtmpfs rw,size=1k\n"), None);
    }
}
