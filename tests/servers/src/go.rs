//! Programs that are built from their Go modules, once.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::cache::{self, Unavailable};

/// Builds the Go program whose `files` are given, and answers its path.
///
/// # Errors
///
/// If there is no `go`, or the build fails.
pub(crate) fn built(name: &str, version: &str, files: &[(&str, &str)]) -> Result<PathBuf, Unavailable> {
    let remedy = format!("install `{name}` {version}, or Go 1.26 (https://go.dev), so that it can be built");
    let dir = cache::get_or_create(&format!("{name}-{version}"), |dir| {
        let source = dir.join("source");
        let failed = |error| Unavailable::new(name, error, &remedy);
        fs::create_dir_all(&source).map_err(failed)?;
        for (file, text) in files {
            fs::write(source.join(file), text).map_err(failed)?;
        }
        let mut go = Command::new("go");
        go.args(["build", "-trimpath", "-ldflags", "-s -w", "-o"]).arg(dir.join(name)).arg(".");
        cache::run(go.current_dir(source), name, &remedy)
    })?;
    Ok(dir.join(name))
}

/// `go install PACKAGE@VERSION`; answers the folder that holds what it installed.
///
/// # Errors
///
/// If there is no `go`, or the build fails.
pub(crate) fn installed(name: &str, packages: &[&str], version: &str) -> Result<PathBuf, Unavailable> {
    let remedy = format!("install `{name}`, or Go 1.26 (https://go.dev), so that it can be built");
    cache::get_or_create(&format!("{name}-{version}"), |dir| {
        let mut go = Command::new("go");
        go.env("GOBIN", dir).env("GOFLAGS", "-trimpath").arg("install");
        for package in packages {
            go.arg(format!("{package}@{version}"));
        }
        cache::run(&mut go, name, &remedy)
    })
}
