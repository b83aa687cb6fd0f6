//! Programs that are built from their Go modules, once.

use std::path::PathBuf;
use std::process::Command;

use crate::cache::{self, Unavailable};

/// `go install PACKAGE@VERSION`; answers the folder that holds what it installed.
///
/// # Errors
///
/// Where there is no `go`, or the build fails.
pub(crate) fn installed(name: &str, packages: &[&str], version: &str) -> Result<PathBuf, Unavailable> {
    let remedy = format!("install `{name}`, or Go 1.26 (https://go.dev), so that it can be built");
    cache::filled(&format!("{name}-{version}"), |dir| {
        let mut go = Command::new("go");
        go.env("GOBIN", dir).env("GOFLAGS", "-trimpath").arg("install");
        for package in packages {
            go.arg(format!("{package}@{version}"));
        }
        cache::run(&mut go, name, &remedy)
    })
}
