//! File descriptors: those of a process, and the limit of this one.

use std::fs;

use rustix::process::{Resource, getrlimit, setrlimit};

use super::Failed;

/// The number of open descriptors of the process `id`.
pub(crate) fn descriptors(id: u32) -> Result<usize, Failed> {
    let path = format!("/proc/{id}/fd");
    let entries = fs::read_dir(&path).map_err(|error| format!("{path}: {error}; this needs Linux"))?;
    Ok(entries.count())
}

/// Raises the soft limit of open files of this process to the hard one: it opens many connections itself.
pub(crate) fn raise_descriptor_limit() -> Result<(), Failed> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)
        .map_err(|error| format!("the limit of open files cannot be raised: {error}").into())
}
