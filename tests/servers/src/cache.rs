//! The cache of what is fetched or built once.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program that the tests need is not available. The message says why and how to get it.
#[derive(Debug)]
pub struct Unavailable(String);

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

impl Unavailable {
    pub(crate) fn new(what: &str, why: impl std::fmt::Display, remedy: &str) -> Self {
        Self(format!("the tests need {what}: {why}\n  {remedy}"))
    }
}

/// `${XDG_CACHE_HOME:-~/.cache}/cofferdam`.
///
/// # Errors
///
/// If neither `XDG_CACHE_HOME` nor `HOME` is set.
pub fn cache_dir() -> Result<PathBuf, Unavailable> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .map(|base| base.join("cofferdam"))
        .ok_or_else(|| {
            Unavailable::new("a cache folder", "neither XDG_CACHE_HOME nor HOME is set", "set one of them")
        })
}

/// The folder `key` of the cache. Calls `create` if no earlier run has created it.
///
/// Test processes run in parallel: one creates the folder under a lock, and the others wait for it. An interrupted
/// creation leaves no mark and is repeated.
pub(crate) fn get_or_create(
    key: &str,
    create: impl FnOnce(&Path) -> Result<(), Unavailable>,
) -> Result<PathBuf, Unavailable> {
    let dir = cache_dir()?.join(key);
    let failed = |error: io::Error| {
        Unavailable::new(key, format!("{}: {error}", dir.display()), "make the cache folder writable")
    };
    let mark = dir.join(".complete");
    if mark.exists() {
        return Ok(dir);
    }
    let parent = dir.parent().unwrap_or(&dir);
    fs::create_dir_all(parent).map_err(failed)?;
    let lock = File::create(dir.with_extension("lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    if mark.exists() {
        return Ok(dir);
    }
    if dir.exists() {
        fs::remove_dir_all(&dir).map_err(failed)?;
    }
    fs::create_dir_all(&dir).map_err(failed)?;
    announce(&format!("fetching {key} into {}", dir.display()));
    create(&dir)?;
    File::create(&mark).map_err(failed)?;
    announce(&format!("{key} is there"));
    Ok(dir)
}

/// Runs one step of creating a folder. The output of a failed step is part of the error.
pub(crate) fn run(command: &mut Command, what: &str, remedy: &str) -> Result<(), Unavailable> {
    let shown = format!("{command:?}");
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Unavailable::new(what, format!("{shown}: {error}"), remedy))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let tail: Vec<&str> = stderr.lines().rev().take(15).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    Err(Unavailable::new(what, format!("{shown} ended with {}\n{}", output.status, tail.join("\n")), remedy))
}

/// The full path of `program`, if it is on `PATH`.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// Reports what takes so long. Bypasses the capture of the test's output.
pub(crate) fn announce(message: &str) {
    // If standard error is closed, the message is lost, and nothing else.
    let _ = writeln!(io::stderr(), "cofferdam tests: {message}");
}

/// Makes a Python environment in `dir` with `packages` (`NAME==VERSION`).
pub(crate) fn python_environment(dir: &Path, packages: &[&str], remedy: &str) -> Result<(), Unavailable> {
    run(Command::new("python3").args(["-m", "venv"]).arg(dir), "Python", remedy)?;
    let mut pip = Command::new(dir.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    run(pip.args(packages), &packages.join(", "), remedy)
}
