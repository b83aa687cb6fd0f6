//! File permissions: who else can read or change a file that the settings name.

use std::path::Path;

use cofferdam_config::Diagnostic;

/// What a file must be protected from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Other users must neither read nor change it.
    Secrecy,
    /// Other users must not change it. Its content is not a secret, but it decides what happens.
    Integrity,
}

/// Checks who else can read or change the file or folder at `path`, which messages call `what`. Blocks.
///
/// The owner should be this user or the superuser. The folder around it counts too: a user who may write there may
/// replace the file. `None` if nothing is there, which is for its reader to report, and on systems without file modes
/// (*not verified*).
pub fn file_permissions(path: &Path, what: &'static str, protection: Protection) -> Option<Diagnostic> {
    #[cfg(unix)]
    return modes::file_permissions(path, what, protection);
    #[cfg(not(unix))]
    {
        let _ = (path, what, protection);
        None
    }
}

#[cfg(unix)]
mod modes {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use cofferdam_config::{quote, text};

    use super::{Diagnostic, Protection};

    const GROUP_READ: u32 = 0o040;
    const OTHERS_READ: u32 = 0o004;
    const OTHERS_WRITE: u32 = 0o022;
    /// In such a folder (`/tmp`) only a file's owner may replace it.
    const STICKY: u32 = 0o1000;

    pub(super) fn file_permissions(
        path: &Path,
        what: &'static str,
        protection: Protection,
    ) -> Option<Diagnostic> {
        let metadata = fs::metadata(path).ok()?;
        let (mode, shown) = (metadata.mode(), quote::path(path));
        let chmod = match protection {
            Protection::Secrecy => "600",
            Protection::Integrity => "go-w",
        };
        let help = text!("run `chmod {chmod} {shown}`");
        let us = rustix::process::geteuid().as_raw();
        if metadata.uid() != us && metadata.uid() != 0 {
            let owner = metadata.uid();
            return Some(Diagnostic::error(
                "",
                text!("{what} {shown} belongs to another user (uid {owner}), who can read and change it"),
                text!("give it to the user that runs cofferdam: `chown {us} {shown}`"),
            ));
        }
        if mode & OTHERS_WRITE != 0 {
            return Some(Diagnostic::error(
                "",
                text!("{what} {shown} can be changed by other users (mode {:04o})", mode & 0o7777),
                help,
            ));
        }
        if protection == Protection::Secrecy && mode & OTHERS_READ != 0 {
            return Some(Diagnostic::error(
                "",
                text!("{what} {shown} can be read by every user (mode {:04o})", mode & 0o7777),
                help,
            ));
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
            && let Ok(metadata) = fs::metadata(folder)
            && metadata.mode() & OTHERS_WRITE != 0
            && metadata.mode() & STICKY == 0
        {
            return Some(Diagnostic::error(
                "",
                text!("{what} {shown} can be replaced by other users: they can write to its folder"),
                text!("run `chmod go-w {}`", quote::path(folder)),
            ));
        }
        if protection == Protection::Secrecy && mode & GROUP_READ != 0 {
            return Some(Diagnostic::warning(
                "",
                text!("{what} {shown} can be read by its group (mode {:04o})", mode & 0o7777),
                text!("make sure that only cofferdam is in that group, or {help}"),
            ));
        }
        let others = if protection == Protection::Secrecy { "read" } else { "change" };
        Some(Diagnostic::info("", text!("{what} {shown}: no other user can {others} it")))
    }

    #[cfg(test)]
    mod tests {
        use std::os::unix::fs::PermissionsExt as _;

        use super::*;
        use cofferdam_config::Severity;

        #[test]
        fn modes_are_judged_by_what_the_file_is() {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("key");
            fs::write(&file, "x").unwrap();
            let set =
                |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            for (mode, secrecy, integrity) in [
                (0o600, Severity::Info, Severity::Info),
                (0o400, Severity::Info, Severity::Info),
                (0o640, Severity::Warning, Severity::Info),
                (0o644, Severity::Error, Severity::Info),
                (0o620, Severity::Error, Severity::Error),
                (0o602, Severity::Error, Severity::Error),
            ] {
                set(&file, mode);
                for (protection, level) in
                    [(Protection::Secrecy, secrecy), (Protection::Integrity, integrity)]
                {
                    let found = file_permissions(&file, "the key", protection).unwrap();
                    assert_eq!(found.severity, level, "{mode:o} {protection:?}: {found:?}");
                    assert_eq!(found.help.is_empty(), level == Severity::Info, "{found:?}");
                }
            }
            set(&file, 0o600);
            for (mode, level) in [(0o777, Severity::Error), (0o1777, Severity::Info), (0o755, Severity::Info)]
            {
                set(folder.path(), mode);
                assert_eq!(
                    file_permissions(&file, "the key", Protection::Secrecy).unwrap().severity,
                    level,
                    "{mode:o}"
                );
            }
            assert_eq!(file_permissions(&folder.path().join("absent"), "the key", Protection::Secrecy), None);
        }
    }
}
