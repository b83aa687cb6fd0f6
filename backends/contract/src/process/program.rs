//! The file that the name of a program stands for.

use std::io;
use std::path::{Path, PathBuf};

use super::Environment;
use crate::{ErrorKind, VaultError};

/// The absolute path of the program `name`: a path with a slash is relative to `base_dir`, and a bare name is searched in
/// the absolute folders of the environment's `PATH`. Blocks.
///
/// # Errors
///
/// `Misconfigured` (vault) if there is no such file, or none that this user may execute.
pub fn find_program(name: &str, base_dir: &Path, environment: &Environment) -> Result<PathBuf, VaultError> {
    if name.contains(['/', std::path::MAIN_SEPARATOR]) {
        let path = base_dir.join(name);
        return match is_executable(&path) {
            Ok(true) => Ok(path),
            Ok(false) => Err(misconfigured(format!(
                "{} is not an executable file; run `chmod +x` on it, or correct its path in the profile",
                path.display()
            ))),
            Err(error) => Err(misconfigured(format!(
                "the program {} cannot be found: {error}; install it, or correct its path in the profile",
                path.display()
            ))),
        };
    }
    let folders = std::env::split_paths(environment.search_path()).filter(|folder| folder.is_absolute());
    let found = folders.map(|folder| folder.join(name)).find(|path| matches!(is_executable(path), Ok(true)));
    found.ok_or_else(|| {
        misconfigured(format!(
            "no program `{name}` is in {}; install it, name its absolute path, or add \"PATH\" to `env` to search the \
             server's own",
            environment.search_path().display()
        ))
    })
}

fn misconfigured(message: String) -> VaultError {
    VaultError::vault(ErrorKind::Misconfigured, message)
}

#[cfg(unix)]
fn is_executable(path: &Path) -> io::Result<bool> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    if !std::fs::metadata(path)?.is_file() {
        return Ok(false);
    }
    // As the user whose rights a child has, which may differ from the one who started this process.
    Ok(accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS).is_ok())
}

/// Other systems have no such mode; not verified.
#[cfg(not(unix))]
fn is_executable(path: &Path) -> io::Result<bool> {
    std::fs::metadata(path).map(|metadata| metadata.is_file())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_program_is_found_by_path_or_by_name_and_must_be_executable() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let put = |name: &str, mode| {
            fs::write(bin.join(name), "").unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        put("tool", 0o755);
        put("text", 0o644);
        fs::create_dir(bin.join("folder")).unwrap();
        let environment = Environment::of_this_process([]).with("PATH", format!("bin::{}", bin.display()));
        let find = |name: &str| find_program(name, folder.path(), &environment);
        assert_eq!(find("tool").unwrap(), bin.join("tool"));
        assert_eq!(find("./bin/tool").unwrap(), folder.path().join("./bin/tool"));
        for missing in ["text", "folder", "absent", "bin/text", "bin/folder", "bin/absent", "tool/x"] {
            let error = find(missing).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Misconfigured, "{missing}: {error}");
            assert!(error.message().contains(missing), "{error}");
        }
    }
}
