//! Programs from Debian's packages.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use crate::cache::{self, Unavailable};

/// The path of `program`. If it is missing, its Debian `package` is installed first.
///
/// # Errors
///
/// If the program is not there and cannot be installed.
pub(crate) fn program(program: &str, package: &str) -> Result<PathBuf, Unavailable> {
    install(program, &[package], || cache::on_path(program).is_some())?;
    let remedy = remedy(&[package]);
    cache::on_path(program)
        .ok_or_else(|| Unavailable::new(program, "its package brings no such program", &remedy))
}

/// Installs the Debian `packages` of `what`, unless they are installed.
///
/// # Errors
///
/// If they are not there and cannot be installed.
pub(crate) fn packages(what: &str, packages: &[&str]) -> Result<(), Unavailable> {
    install(what, packages, || {
        let mut dpkg = Command::new("dpkg");
        dpkg.arg("--status").args(packages).output().is_ok_and(|output| output.status.success())
    })
}

/// Packages are installed only as root, that is, in a container or on a CI machine. For a developer, the error says what
/// to install.
fn install(what: &str, packages: &[&str], is_there: impl Fn() -> bool) -> Result<(), Unavailable> {
    if is_there() {
        return Ok(());
    }
    let remedy = remedy(packages);
    let missing = |why: &dyn std::fmt::Display| Unavailable::new(what, why, &remedy);
    if !is_root() || cache::on_path("apt-get").is_none() {
        return Err(missing(&"it is not there"));
    }
    let dir = cache::cache_dir()?;
    std::fs::create_dir_all(&dir).map_err(|error| missing(&error))?;
    let lock = File::create(dir.join("apt.lock")).map_err(|error| missing(&error))?;
    lock.lock().map_err(|error| missing(&error))?;
    if is_there() {
        return Ok(());
    }
    cache::announce(&format!("installing from Debian: {}", packages.join(", ")));
    // Another program may be at it, too: wait for it.
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").args(["-o", "DPkg::Lock::Timeout=600", "-qq"]);
        apt
    };
    cache::run(apt().arg("update"), what, &remedy)?;
    let mut install = apt();
    cache::run(install.args(["install", "-y", "--no-install-recommends"]).args(packages), what, &remedy)
}

fn remedy(packages: &[&str]) -> String {
    let packages = packages.join(" ");
    format!("install from Debian: apt-get install {packages}")
}

/// Whether this process may change the machine.
pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
