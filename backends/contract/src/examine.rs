//! What a closer look at a vault found: for the person who runs it, before something goes wrong.

use std::path::Path;

use crate::SecretPath;

/// How good what was found is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Good,
    /// Somebody should know it; nothing fails for it.
    Notice,
    /// Something fails, will soon, or stands open.
    Bad,
}

impl Level {
    /// The level in one word, as it stands in `--json` output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Notice => "notice",
            Self::Bad => "bad",
        }
    }
}

/// One thing that was found. Neither text ever holds secret text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How good it is.
    pub level: Level,
    /// The secret that it is about; `None` for the vault as a whole.
    pub path: Option<SecretPath>,
    /// What was found, of what.
    pub what: String,
    /// What to do about it; empty only where it is good.
    pub remedy: String,
}

impl Finding {
    /// Something of the vault that is as it should be.
    pub fn good(what: impl Into<String>) -> Self {
        Self { level: Level::Good, path: None, what: what.into(), remedy: String::new() }
    }

    /// Something of the vault that somebody should know.
    pub fn notice(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Notice, path: None, what: what.into(), remedy: remedy.into() }
    }

    /// Something of the vault that is bad.
    pub fn bad(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Bad, path: None, what: what.into(), remedy: remedy.into() }
    }

    /// The same, of the secret at `path`.
    #[must_use]
    pub fn of(mut self, path: &SecretPath) -> Self {
        self.path = Some(path.clone());
        self
    }
}

/// What other users must not do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Neither read nor change it.
    Secret,
    /// Not change it: what it says is no secret, but who writes it decides what happens.
    Intact,
}

/// Who else can read or change the file or folder at `path`, which is `what` to its person. Blocks.
///
/// Its owner should be this user or the superuser. The folder that it lies in counts too: who may write there may put
/// another file in its place. `None` where nothing is there, which whoever reads it tells, and on systems without modes
/// (*not verified*).
pub fn exposure(path: &Path, what: &str, kept: Kept) -> Option<Finding> {
    #[cfg(unix)]
    return modes::exposure(path, what, kept);
    #[cfg(not(unix))]
    {
        let _ = (path, what, kept);
        None
    }
}

#[cfg(unix)]
mod modes {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use super::{Finding, Kept};

    const GROUP_READ: u32 = 0o040;
    const OTHERS_READ: u32 = 0o004;
    const OTHERS_WRITE: u32 = 0o022;
    /// In such a folder (`/tmp`) only a file's owner may replace it.
    const STICKY: u32 = 0o1000;

    pub(super) fn exposure(path: &Path, what: &str, kept: Kept) -> Option<Finding> {
        let metadata = fs::metadata(path).ok()?;
        let (mode, shown) = (metadata.mode(), path.display());
        let close = match kept {
            Kept::Secret => "600",
            Kept::Intact => "go-w",
        };
        let remedy = format!("run `chmod {close} {shown}`");
        let us = rustix::process::geteuid().as_raw();
        if metadata.uid() != us && metadata.uid() != 0 {
            let owner = metadata.uid();
            return Some(Finding::bad(
                format!("{what} {shown} belongs to another user (uid {owner}), who can read and change it"),
                format!("give it to the user that runs cofferdam: `chown {us} {shown}`"),
            ));
        }
        if mode & OTHERS_WRITE != 0 {
            return Some(Finding::bad(
                format!("{what} {shown} can be changed by other users (mode {:04o})", mode & 0o7777),
                remedy,
            ));
        }
        if kept == Kept::Secret && mode & OTHERS_READ != 0 {
            return Some(Finding::bad(
                format!("{what} {shown} can be read by every user (mode {:04o})", mode & 0o7777),
                remedy,
            ));
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
            && let Ok(around) = fs::metadata(folder)
            && around.mode() & OTHERS_WRITE != 0
            && around.mode() & STICKY == 0
        {
            return Some(Finding::bad(
                format!("{what} {shown} can be replaced by other users: its folder is open to them"),
                format!("run `chmod go-w {}`", folder.display()),
            ));
        }
        if kept == Kept::Secret && mode & GROUP_READ != 0 {
            return Some(Finding::notice(
                format!("{what} {shown} can be read by its group (mode {:04o})", mode & 0o7777),
                format!("make sure that only cofferdam is in that group, or {remedy}"),
            ));
        }
        let others = if kept == Kept::Secret { "read" } else { "change" };
        Some(Finding::good(format!("{what} {shown}: nobody else can {others} it")))
    }

    #[cfg(test)]
    mod tests {
        use std::os::unix::fs::PermissionsExt as _;

        use super::*;
        use crate::Level;

        #[test]
        fn modes_are_judged_by_what_the_file_is() {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("key");
            fs::write(&file, "x").unwrap();
            let set =
                |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            for (mode, secret, intact) in [
                (0o600, Level::Good, Level::Good),
                (0o400, Level::Good, Level::Good),
                (0o640, Level::Notice, Level::Good),
                (0o644, Level::Bad, Level::Good),
                (0o620, Level::Bad, Level::Bad),
                (0o602, Level::Bad, Level::Bad),
            ] {
                set(&file, mode);
                for (kept, level) in [(Kept::Secret, secret), (Kept::Intact, intact)] {
                    let found = exposure(&file, "the key", kept).unwrap();
                    assert_eq!(found.level, level, "{mode:o} {kept:?}: {found:?}");
                    assert_eq!(found.remedy.is_empty(), level == Level::Good, "{found:?}");
                }
            }
            set(&file, 0o600);
            for (mode, level) in [(0o777, Level::Bad), (0o1777, Level::Good), (0o755, Level::Good)] {
                set(folder.path(), mode);
                assert_eq!(exposure(&file, "the key", Kept::Secret).unwrap().level, level, "{mode:o}");
            }
            assert_eq!(exposure(&folder.path().join("absent"), "the key", Kept::Secret), None);
        }
    }
}
