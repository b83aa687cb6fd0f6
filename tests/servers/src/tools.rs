//! Programs that are run, not served.

use std::path::PathBuf;
use std::process::Command;

use crate::cache::{self, Unavailable};

/// The version that is built where `PATH` has no `age`.
const AGE_VERSION: &str = "v1.2.1";

/// The folder that holds `age` and `age-keygen`.
///
/// # Errors
///
/// Where `PATH` has neither them nor `go` to build them.
pub fn age() -> Result<PathBuf, Unavailable> {
    let remedy = "install Debian's `age`, or Go (https://go.dev), so that it can be built";
    if let (Some(age), Some(_)) = (cache::on_path("age"), cache::on_path("age-keygen")) {
        return Ok(age.parent().map(PathBuf::from).unwrap_or_default());
    }
    cache::filled(&format!("age-{AGE_VERSION}"), |dir| {
        let mut go = Command::new("go");
        go.env("GOBIN", dir).env("GOFLAGS", "-trimpath").arg("install");
        for program in ["age", "age-keygen"] {
            go.arg(format!("filippo.io/age/cmd/{program}@{AGE_VERSION}"));
        }
        cache::run(&mut go, "age", remedy)
    })
}
