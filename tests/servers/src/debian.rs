//! Programs from Debian's packages.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use crate::cache::{self, Unavailable};

/// The path of `program`; where there is none, its Debian `package` is installed first.
///
/// Only the superuser's machine is changed so, which is a container or a CI machine: a developer is told what to install.
///
/// # Errors
///
/// Where the program is not there and cannot be installed.
pub(crate) fn program(program: &str, package: &str) -> Result<PathBuf, Unavailable> {
    if let Some(path) = cache::on_path(program) {
        return Ok(path);
    }
    let remedy = format!("install Debian's package `{package}` (apt-get install {package})");
    let missing = |why: &dyn std::fmt::Display| Unavailable::new(program, why, &remedy);
    if !is_root() || cache::on_path("apt-get").is_none() {
        return Err(missing(&"it is not on PATH"));
    }
    let dir = cache::cache_dir()?;
    std::fs::create_dir_all(&dir).map_err(|error| missing(&error))?;
    let lock = File::create(dir.join("apt.lock")).map_err(|error| missing(&error))?;
    lock.lock().map_err(|error| missing(&error))?;
    if cache::on_path(program).is_none() {
        cache::announce(&format!("installing Debian's package {package}"));
        cache::run(Command::new("apt-get").args(["update", "-qq"]), program, &remedy)?;
        let mut install = Command::new("apt-get");
        install.args(["install", "-y", "-qq", "--no-install-recommends", package]);
        cache::run(install.env("DEBIAN_FRONTEND", "noninteractive"), program, &remedy)?;
    }
    cache::on_path(program).ok_or_else(|| missing(&"its package brings no such program"))
}

/// Whether this process may change the machine.
pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
