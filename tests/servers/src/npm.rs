//! Packages of npm, as a lock file pins them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::cache::{self, Unavailable};

/// A `package.json` with its lock file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packages {
    /// Names the folder of the cache, together with a fingerprint of the lock file.
    pub(crate) name: &'static str,
    /// What they are, for a message.
    pub(crate) what: &'static str,
    pub(crate) json: &'static str,
    pub(crate) lock: &'static str,
}

/// The folder with `node_modules`.
///
/// # Errors
///
/// If there is no `npm`, or its registry cannot be reached.
pub(crate) fn installed(packages: Packages) -> Result<PathBuf, Unavailable> {
    let remedy = "install Node.js with npm (Debian: npm), and allow access to the npm registry";
    cache::get_or_create(&format!("{}-{}", packages.name, fingerprint(packages.lock)), |dir| {
        let write = |name: &str, text: &str| {
            fs::write(dir.join(name), text).map_err(|error| Unavailable::new(packages.what, error, remedy))
        };
        write("package.json", packages.json)?;
        write("package-lock.json", packages.lock)?;
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(dir);
        cache::run(&mut npm, packages.what, remedy)
    })
}

/// A short fingerprint of a lock file: FNV-1a, which only has to distinguish two of them.
fn fingerprint(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
