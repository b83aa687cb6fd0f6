//! Memory, threads and processor time of a process, as `/proc` reports them.

use std::fs;
use std::time::Duration;

use super::Failed;

/// Ticks per second in `/proc`, on every Linux.
const TICKS: f64 = 100.0;

/// `/proc/ID/status` at one moment.
#[derive(Debug, Clone)]
pub(crate) struct ProcessStatus {
    id: u32,
    text: String,
}

impl ProcessStatus {
    /// Reads it.
    pub(crate) fn read(id: u32) -> Result<Self, Failed> {
        Ok(Self { id, text: file(id, "status")? })
    }

    /// Resident memory, as `ps` reports it, in KiB.
    pub(crate) fn resident_kib(&self) -> Result<u64, Failed> {
        self.number("VmRSS:")
    }

    /// The most resident memory so far, in KiB.
    pub(crate) fn peak_kib(&self) -> Result<u64, Failed> {
        self.number("VmHWM:")
    }

    /// The number of threads.
    pub(crate) fn threads(&self) -> Result<u64, Failed> {
        self.number("Threads:")
    }

    fn number(&self, key: &str) -> Result<u64, Failed> {
        let value = self.text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next());
        Ok(value.ok_or_else(|| format!("/proc/{}/status has no {key}", self.id))?.parse()?)
    }
}

/// Processor time that the process `id` has used.
pub(crate) fn processor_time(id: u32) -> Result<Duration, Failed> {
    let stat = file(id, "stat")?;
    // The name before the numbers may contain spaces; it ends with the last bracket.
    let numbers = stat.rsplit(')').next().unwrap_or_default();
    let ticks: Vec<f64> =
        numbers.split_whitespace().skip(11).take(2).filter_map(|number| number.parse().ok()).collect();
    match ticks[..] {
        [user, system] => Ok(Duration::from_secs_f64((user + system) / TICKS)),
        _ => Err(format!("/proc/{id}/stat does not have the format of Linux").into()),
    }
}

fn file(id: u32, name: &str) -> Result<String, Failed> {
    let path = format!("/proc/{id}/{name}");
    fs::read_to_string(&path).map_err(|error| format!("{path}: {error}; this needs Linux").into())
}
