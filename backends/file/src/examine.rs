//! A closer look: who else can read or change the folder and the files of the secrets in it.
//!
//! What was mounted read-only, as Kubernetes and Docker mount secrets, has the modes that the mount gave it: nobody here can
//! change them or the files, and the other users are those of the container, if there are any.

use std::path::Path;

use cofferdam_config::Diagnostic;
use cofferdam_vault::{Protection, SecretPath, file_permissions};

use crate::folder::Folder;

/// Who else can reach what `needs` are read from: one finding for the folder, and one for the worst file of each secret. Blocks.
pub(crate) fn exposed(folder: &Folder, needs: &[SecretPath]) -> Vec<Diagnostic> {
    found(folder, needs, mount::is_read_only)
}

fn found(folder: &Folder, needs: &[SecretPath], mounted: impl Fn(&Path) -> bool) -> Vec<Diagnostic> {
    let around = match mounted(folder.path()) {
        true => folder.path().is_dir().then(|| {
            Diagnostic::info("", format!("the folder {} is mounted read-only", folder.path().display()))
        }),
        false => file_permissions(folder.path(), "the folder", Protection::Integrity),
    };
    // A volume may lie further down.
    let judge = |file: &Path| match mounted(file) {
        true => mount::exposure(file),
        false => file_permissions(file, "the file", Protection::Secrecy),
    };
    let secrets = needs.iter().filter_map(|path| {
        let files = folder.files(path);
        let worst = files.iter().filter_map(|file| judge(file)).max_by_key(|finding| finding.severity)?;
        Some(worst.below(path.as_str()))
    });
    around.into_iter().chain(secrets).collect()
}

#[cfg(unix)]
mod mount {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use cofferdam_config::Diagnostic;
    use rustix::fs::{StatVfsMountFlags, statvfs};

    const OTHERS_READ: u32 = 0o004;

    const REMEDY: &str = "set `defaultMode: 0400` on the volume and the pod's `fsGroup` (Kubernetes), or `mode: 0400` and \
                          `uid` on the secret (Docker)";

    /// Whether `path` is there, on a file system that nobody here can write to.
    pub(super) fn is_read_only(path: &Path) -> bool {
        statvfs(path).is_ok_and(|system| system.f_flag.contains(StatVfsMountFlags::RDONLY))
    }

    /// Who else can read a mounted file. Its group is the one that the pod was given for it.
    pub(super) fn exposure(file: &Path) -> Option<Diagnostic> {
        let mode = fs::metadata(file).ok()?.mode();
        let shown = file.display();
        Some(if mode & OTHERS_READ != 0 {
            let what =
                format!("the mounted file {shown} can be read by every user (mode {:04o})", mode & 0o7777);
            Diagnostic::warning("", what, REMEDY)
        } else {
            Diagnostic::info(
                "",
                format!("the mounted file {shown}: only its owner and its group can read it"),
            )
        })
    }
}

/// Other systems mount no secrets; not verified.
#[cfg(not(unix))]
mod mount {
    use std::path::Path;

    use cofferdam_config::Diagnostic;

    pub(super) fn is_read_only(_: &Path) -> bool {
        false
    }

    pub(super) fn exposure(_: &Path) -> Option<Diagnostic> {
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

    /// A file in each form, the second behind links as the kubelet makes them.
    #[test]
    fn the_worst_file_of_each_secret_is_told() {
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
        let needs = [path("github/work"), path("github/absent")];
        let levels = |mounted| {
            let all = found(&folder, &needs, |_| mounted);
            assert!(!format!("{all:?}").contains("canary"), "{all:?}");
            all.into_iter().map(|finding| (finding.key, finding.severity)).collect::<Vec<_>>()
        };
        let (vault, secret) = (String::new(), "github/work".to_owned());
        for (mode, own, mounted) in [
            (0o400, Severity::Info, Severity::Info),
            (0o440, Severity::Warning, Severity::Info),
            (0o644, Severity::Error, Severity::Warning),
        ] {
            set(&files[0], 0o400);
            set(&files[1], mode);
            assert_eq!(levels(false), [(vault.clone(), Severity::Info), (secret.clone(), own)], "{mode:o}");
            assert_eq!(
                levels(true),
                [(vault.clone(), Severity::Info), (secret.clone(), mounted)],
                "{mode:o}"
            );
        }
        // As the kubelet leaves a volume's own folder, where nobody can write all the same.
        set(&files[1], 0o400);
        set(dir.path(), 0o1777);
        assert_eq!(levels(false)[0], (vault.clone(), Severity::Error));
        assert_eq!(levels(true)[0], (vault, Severity::Info));
        // A folder that is not there is the probe's to tell.
        let gone = Folder::new(at("gone"));
        for mounted in [false, true] {
            assert_eq!(found(&gone, &needs, |_| mounted), []);
        }
    }
}
