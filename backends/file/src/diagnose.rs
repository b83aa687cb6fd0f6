//! Diagnoses who else can read or change the folder and the files of the secrets in it.
//!
//! In a read-only mount, as Kubernetes and Docker mount secrets, the mount determines the modes, and no user can change the
//! files. The only other users are those of the container.

use std::path::Path;

use cofferdam_config::{Diagnostic, Diagnostics, quote, text};
use cofferdam_vault::{Protection, SecretPath, file_permissions};

use crate::folder::Folder;

/// Diagnoses the permissions of the folder, and of the least protected file of each of the `needed` secrets. Blocks.
pub(crate) fn permissions(folder: &Folder, needed: &[SecretPath]) -> Diagnostics {
    check(folder, needed, mount::is_read_only)
}

fn check(folder: &Folder, needed: &[SecretPath], mounted: impl Fn(&Path) -> bool) -> Diagnostics {
    let of_folder = match mounted(folder.path()) {
        true => folder.path().is_dir().then(|| {
            Diagnostic::info("", text!("the folder {} is mounted read-only", quote::path(folder.path())))
        }),
        false => file_permissions(folder.path(), "the folder", Protection::Integrity),
    };
    // A volume may be mounted below the folder.
    let check = |file: &Path| match mounted(file) {
        true => mount::file_permissions(file),
        false => file_permissions(file, "the file", Protection::Secrecy),
    };
    let secrets = needed.iter().filter_map(|path| {
        let files = folder.files(path);
        let worst = files.iter().filter_map(|file| check(file)).max_by_key(|found| found.severity)?;
        Some(worst.below(path.as_str()))
    });
    of_folder.into_iter().chain(secrets).collect()
}

#[cfg(unix)]
mod mount {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use cofferdam_config::{Diagnostic, quote, text};
    use rustix::fs::{StatVfsMountFlags, statvfs};

    const OTHERS_READ: u32 = 0o004;

    const HELP: &str = "set `defaultMode: 0400` on the volume and the pod's `fsGroup` (Kubernetes), or `mode: 0400` and \
                          `uid` on the secret (Docker)";

    /// Whether `path` exists and is on a read-only file system.
    pub(super) fn is_read_only(path: &Path) -> bool {
        statvfs(path).is_ok_and(|system| system.f_flag.contains(StatVfsMountFlags::RDONLY))
    }

    /// Checks who else can read a mounted file. Its group is the one that the pod has for this purpose.
    pub(super) fn file_permissions(file: &Path) -> Option<Diagnostic> {
        let mode = fs::metadata(file).ok()?.mode();
        let shown = quote::path(file);
        Some(if mode & OTHERS_READ != 0 {
            let what =
                text!("the mounted file {shown} can be read by every user (mode {:04o})", mode & 0o7777);
            Diagnostic::warning("", what, HELP)
        } else {
            Diagnostic::info("", text!("the mounted file {shown}: only its owner and group can read it"))
        })
    }
}

/// Fallback for other systems, which mount no secrets; not verified.
#[cfg(not(unix))]
mod mount {
    use std::path::Path;

    use cofferdam_config::Diagnostic;

    pub(super) fn is_read_only(_: &Path) -> bool {
        false
    }

    pub(super) fn file_permissions(_: &Path) -> Option<Diagnostic> {
        None
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use cofferdam_config::Severity;
    use cofferdam_vault::testkit::path;

    use super::*;

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// One file of each naming scheme, the second behind links as the kubelet creates them.
    #[test]
    fn the_least_protected_file_of_each_secret_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("github/work")).unwrap();
        fs::create_dir(at("..1")).unwrap();
        symlink("..1", at("..data")).unwrap();
        symlink("..data/github.work.password", at("github.work.password")).unwrap();
        set(&at("github/work"), 0o755);
        let files = [at("github/work/username"), at("..1/github.work.password")];
        files.iter().for_each(|file| fs::write(file, "canary").unwrap());
        let folder = Folder::new(dir.path().to_owned());
        let needed = [path("github/work"), path("github/absent")];
        let levels = |mounted| {
            let all = check(&folder, &needed, |_| mounted);
            assert!(!format!("{all:?}").contains("canary"), "{all:?}");
            all.into_iter().map(|found| (found.key, found.severity)).collect::<Vec<_>>()
        };
        let (vault, secret) = (String::new(), "github/work".to_owned());
        for (mode, unmounted, mounted) in [
            (0o400, Severity::Info, Severity::Info),
            (0o440, Severity::Warning, Severity::Info),
            (0o644, Severity::Error, Severity::Warning),
        ] {
            set(&files[0], 0o400);
            set(&files[1], mode);
            assert_eq!(
                levels(false),
                [(vault.clone(), Severity::Info), (secret.clone(), unmounted)],
                "{mode:o}"
            );
            assert_eq!(
                levels(true),
                [(vault.clone(), Severity::Info), (secret.clone(), mounted)],
                "{mode:o}"
            );
        }
        // The kubelet gives a volume's folder this mode, although the volume is read-only.
        set(&files[1], 0o400);
        set(dir.path(), 0o1777);
        assert_eq!(levels(false)[0], (vault.clone(), Severity::Error));
        assert_eq!(levels(true)[0], (vault, Severity::Info));
        // A missing folder is reported by the probe.
        let gone = Folder::new(at("gone"));
        for mounted in [false, true] {
            assert!(check(&gone, &needed, |_| mounted).is_empty());
        }
    }
}
