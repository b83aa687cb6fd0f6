//! Programs that are run, not served.

use std::path::PathBuf;

use crate::cache::{self, Unavailable};
use crate::{debian, go, moto};

/// The version that is built if there is no `age` on `PATH`.
const AGE_VERSION: &str = "v1.2.1";

/// The version of `sops` that the tests run.
const SOPS_VERSION: &str = "v3.13.3";

/// The folder that holds `age` and `age-keygen`.
///
/// # Errors
///
/// If `PATH` has neither them nor `go` to build them.
pub fn age() -> Result<PathBuf, Unavailable> {
    if let (Some(age), Some(_)) = (cache::on_path("age"), cache::on_path("age-keygen")) {
        return Ok(age.parent().map(PathBuf::from).unwrap_or_default());
    }
    go::installed("age", &["filippo.io/age/cmd/age", "filippo.io/age/cmd/age-keygen"], AGE_VERSION)
}

/// `sops` of the version that the tests run, whatever is on `PATH`: its exit codes and options are part of the tests.
///
/// # Errors
///
/// If there is no `go` to build it.
pub fn sops() -> Result<PathBuf, Unavailable> {
    let dir = go::installed("sops", &["github.com/getsops/sops/v3/cmd/sops"], SOPS_VERSION)?;
    Ok(dir.join("sops"))
}

/// `pass`, with GnuPG.
///
/// # Errors
///
/// If they are not there and cannot be installed.
pub fn pass() -> Result<PathBuf, Unavailable> {
    debian::program("gpgconf", "gnupg")?;
    debian::program("pass", "pass")
}

/// Debian's `gopass`, a clone of `pass`; not the program of gopass.pw.
///
/// # Errors
///
/// If it is not there and cannot be installed.
pub fn gopass() -> Result<PathBuf, Unavailable> {
    debian::program("gopass", "gopass")
}

/// `systemd-analyze`, which reads units without a running systemd.
///
/// # Errors
///
/// If it is not there and cannot be installed.
pub fn systemd_analyze() -> Result<PathBuf, Unavailable> {
    debian::program("systemd-analyze", "systemd")
}

/// `groff`, which sets manual pages and warns of what is wrong in them.
///
/// # Errors
///
/// If it is not there and cannot be installed.
pub fn groff() -> Result<PathBuf, Unavailable> {
    debian::program("groff", "groff-base")
}

/// `cfn-lint`, which knows every property of a CloudFormation template.
///
/// # Errors
///
/// If it can neither be found nor installed.
pub fn cfn_lint() -> Result<PathBuf, Unavailable> {
    moto::environment().map(|dir| dir.join("bin/cfn-lint"))
}

/// `wrk`, which loads an HTTP server and costs little itself.
///
/// # Errors
///
/// If it is not there and cannot be installed.
pub fn wrk() -> Result<PathBuf, Unavailable> {
    debian::program("wrk", "wrk")
}
