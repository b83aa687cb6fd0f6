//! The base images, made on this machine under the names that they have in Docker's registry, which is not used.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::podman::{Settings, failed};
use crate::cache::{self, Unavailable};
use crate::vault::vault_binary;

const DEBIAN: &str = "docker.io/library/debian:bookworm-slim";
const RUST: &str = "docker.io/library/rust:1.95-bookworm";
const VAULT: &str = "docker.io/hashicorp/vault:1.21";
const RUST_DOCKERFILE: &str = include_str!("../../containers/rust.Dockerfile");
const VAULT_DOCKERFILE: &str = include_str!("../../containers/vault.Dockerfile");
/// Certificates of authorities that this machine trusts beyond Debian's, for a registry behind a proxy.
const AUTHORITIES: &str = "usr/local/share/ca-certificates";
const REMEDY: &str =
    "allow access to the registries of Debian and crates.io, or use a Docker engine that has these images";

/// Makes the images that are not there.
pub(super) fn make(settings: &Settings) -> Result<(), Unavailable> {
    for (name, image) in
        [(DEBIAN, debian as fn(&Settings, &Path) -> Result<(), Unavailable>), (RUST, rust), (VAULT, vault)]
    {
        if !settings.has_image(name) {
            cache::announce(&format!("making the image {name}"));
            let dir = tempfile::tempdir().map_err(|error| failed(&error))?;
            image(settings, dir.path())?;
        }
    }
    Ok(())
}

fn debian(settings: &Settings, dir: &Path) -> Result<(), Unavailable> {
    let (root, archive) = (dir.join("root"), dir.join("root.tar"));
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.args(["--variant=minbase", "--include=ca-certificates", "bookworm"]).arg(&root);
    run(&mut debootstrap)?;
    let ours = Path::new("/").join(AUTHORITIES);
    if ours.is_dir() {
        run(Command::new("cp").arg("-r").arg(ours.join(".")).arg(root.join(AUTHORITIES)))?;
    }
    run(Command::new("chroot").arg(&root).arg("update-ca-certificates"))?;
    run(Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg("."))?;
    run(settings.podman().args(["import", "--quiet"]).arg(archive).arg(DEBIAN))
}

/// This machine's own toolchain.
fn rust(settings: &Settings, dir: &Path) -> Result<(), Unavailable> {
    let printed =
        Command::new("rustc").args(["--print", "sysroot"]).output().map_err(|error| failed(&error))?;
    let sysroot = String::from_utf8_lossy(&printed.stdout).trim().to_owned();
    fs::create_dir(dir.join("rust")).map_err(|error| failed(&error))?;
    for part in ["bin", "lib"] {
        run(Command::new("cp").arg("-r").arg(Path::new(&sysroot).join(part)).arg(dir.join("rust")))?;
    }
    build(settings, RUST, RUST_DOCKERFILE, dir)
}

/// The Vault that the other tests run against.
fn vault(settings: &Settings, dir: &Path) -> Result<(), Unavailable> {
    fs::copy(vault_binary()?, dir.join("vault")).map_err(|error| failed(&error))?;
    build(settings, VAULT, VAULT_DOCKERFILE, dir)
}

fn build(settings: &Settings, name: &str, dockerfile: &str, dir: &Path) -> Result<(), Unavailable> {
    fs::write(dir.join("Dockerfile"), dockerfile).map_err(|error| failed(&error))?;
    run(settings.podman().args(["build", "--quiet", "--tag", name]).arg(dir))
}

fn run(command: &mut Command) -> Result<(), Unavailable> {
    cache::run(command, "container images", REMEDY)
}
