//! The confines of a server: what a container of the shipped deployments gives it.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use cofferdam_servers::MemoryLimit;

use super::Failed;

/// The memory limit of `docker-compose.yml` and of `deploy/kubernetes/deployment.yaml`, in bytes.
pub const MEMORY: u64 = 512 * 1024 * 1024;

/// The number of processors.
const PROCESSORS: usize = 2;

/// The words of a command that executes the words after it under `memory`, on two processors, with a limit of open files and
/// with another `/etc/resolv.conf`, if there are any.
pub(super) fn wrapper(
    memory: &MemoryLimit,
    descriptors: Option<u32>,
    resolv_conf: Option<&Path>,
) -> Result<Vec<OsString>, Failed> {
    let mut words = shell("echo 0 > \"$1\" && shift && exec \"$@\"", memory.processes().into_os_string());
    if let Some(limit) = descriptors {
        words.extend(shell("ulimit -n \"$1\" && shift && exec \"$@\"", limit.to_string().into()));
    }
    words.extend(["taskset", "--cpu-list"].map(OsString::from));
    words.push(processors()?.into());
    if let Some(file) = resolv_conf {
        words.extend(["unshare", "--mount"].map(OsString::from));
        let script = "mount --bind \"$1\" /etc/resolv.conf && shift && exec \"$@\"";
        words.extend(shell(script, file.into()));
    }
    Ok(words)
}

/// A shell that runs `script`, with `first` as `$1` and the words after it as the further ones.
fn shell(script: &str, first: OsString) -> Vec<OsString> {
    ["sh".into(), "-c".into(), script.into(), "sh".into(), first].into()
}

/// The first two processors that this process may use, as `taskset` takes them.
fn processors() -> Result<String, Failed> {
    let status = fs::read_to_string("/proc/self/status")?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let mut processors = Vec::new();
    for range in allowed.unwrap_or_default().trim().split(',') {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        processors.extend(from.parse::<usize>()?..=to.parse::<usize>()?);
    }
    let first: Vec<String> = processors.iter().take(PROCESSORS).map(usize::to_string).collect();
    match first.len() {
        PROCESSORS => Ok(first.join(",")),
        few => Err(format!("this needs {PROCESSORS} processors, and there are {few}").into()),
    }
}
