//! Who else can change a program: its owner and mode, and those of every folder on the path to it.

use std::path::Path;

use cofferdam_config::{Diagnostic, Text, quote, text};

use super::Environment;
use crate::{Protection, file_permissions};

/// Checks who else can change or replace the program at `path`. Whoever can gets every secret that it handles. Blocks.
///
/// Checked are the file behind all links, every folder above it, and every folder above the link. Empty on systems without
/// file modes (*not verified*).
pub fn program_permissions(path: &Path) -> Vec<Diagnostic> {
    let Ok(file) = path.canonicalize() else { return Vec::new() };
    let mut found: Vec<Diagnostic> =
        file_permissions(&file, "the program", Protection::Integrity).into_iter().collect();
    let mut folders: Vec<&Path> = file.ancestors().skip(1).chain(path.ancestors().skip(1)).collect();
    folders.sort_unstable();
    folders.dedup();
    let what = text!("the program {}", quote::path(&file));
    found.extend(folders.into_iter().filter_map(|folder| replaceable(folder, &what)));
    found
}

/// Checks who else can put programs into the search path of `environment`, where programs find those that they start.
/// Blocks.
pub fn search_path_permissions(environment: &Environment) -> Vec<Diagnostic> {
    let what = Text::from("a program that is searched in PATH");
    std::env::split_paths(environment.search_path())
        .filter_map(|folder| replaceable(&folder, &what))
        .collect()
}

#[cfg(unix)]
fn replaceable(folder: &Path, what: &Text) -> Option<Diagnostic> {
    use std::os::unix::fs::MetadataExt as _;
    /// In such a folder (`/tmp`) only a file's owner may replace it.
    const STICKY: u32 = 0o1000;
    let metadata = std::fs::metadata(folder).ok()?;
    let us = rustix::process::geteuid().as_raw();
    let (owner, mode) = (metadata.uid(), metadata.mode());
    let shown = quote::path(folder);
    if owner != us && owner != 0 {
        return Some(Diagnostic::error(
            "",
            text!("{what} can be replaced by another user (uid {owner}), who owns {shown}"),
            text!("move the program, or run `chown root {shown}`"),
        ));
    }
    (mode & 0o022 != 0 && mode & STICKY == 0).then(|| {
        Diagnostic::error(
            "",
            text!("{what} can be replaced by other users, who can write to {shown}"),
            text!("move the program, or run `chmod go-w {shown}`"),
        )
    })
}

#[cfg(not(unix))]
fn replaceable(_: &Path, _: &Text) -> Option<Diagnostic> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use cofferdam_config::Severity;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn errors(path: &Path) -> usize {
        program_permissions(path).iter().filter(|found| found.severity == Severity::Error).count()
    }

    #[test]
    fn every_folder_on_the_path_counts_and_so_do_those_of_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let [top, bin, links] = ["top", "top/bin", "links"].map(|name| folder.path().join(name));
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        for path in [&top, &bin, &links] {
            fs::create_dir(path).unwrap();
            set(path, 0o755);
        }
        let (tool, link) = (bin.join("tool"), links.join("tool"));
        fs::write(&tool, "").unwrap();
        set(&tool, 0o755);
        symlink(&tool, &link).unwrap();
        assert_eq!((errors(&tool), errors(&link)), (0, 0));
        for (path, by_path, by_link) in [(&top, 1, 1), (&links, 0, 1), (&tool, 1, 1)] {
            set(path, 0o775);
            assert_eq!((errors(&tool), errors(&link)), (by_path, by_link), "{path:?}");
            set(path, 0o755);
        }
        assert!(program_permissions(&folder.path().join("absent")).is_empty());
    }
}
