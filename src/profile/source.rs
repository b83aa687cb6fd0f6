//! Finds a profile's text: a file, or the copy inside the binary.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf, is_separator};

use cofferdam_config::suggestions::{list, nearest};
use cofferdam_config::{Diagnostic, Location, Origin};

use super::error::ProfileError;

/// The profiles inside the binary, by name.
const EMBEDDED: [(&str, &str); 6] = [
    ("airgap", include_str!("../../profiles/airgap.toml")),
    ("dev", include_str!("../../profiles/dev.toml")),
    ("mounted", include_str!("../../profiles/mounted.toml")),
    ("onprem", include_str!("../../profiles/onprem.toml")),
    ("production", include_str!("../../profiles/production.toml")),
    ("staging", include_str!("../../profiles/staging.toml")),
];

/// The prefix of a profile's name that means its copy inside the binary, even if the working directory has a file.
const EMBEDDED_ALONE: &str = "embedded:";

/// A profile's text and file.
#[derive(Debug)]
pub struct Source {
    /// The name that was given.
    pub(super) name: String,
    /// The file's path, as diagnostics show it.
    pub(super) file: PathBuf,
    /// The folder that relative paths are relative to.
    pub(super) base_dir: PathBuf,
    /// The content of the file.
    pub(super) text: String,
}

impl Source {
    /// Finds what `--profile` names, seen from the folder `here`.
    ///
    /// A name with a slash or `.toml` is a file. Any other name is `profiles/NAME.toml` below `here`; if that does not exist,
    /// it is the copy inside the binary, which is treated as if it were at that path. `embedded:NAME` is always the copy.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is not UTF-8, or the name does not exist.
    pub fn find(name: &str, here: &Path) -> Result<Self, ProfileError> {
        if name.contains(is_separator) || name.ends_with(".toml") {
            return Self::from_file(name, PathBuf::from(name), here);
        }
        let alone = name.strip_prefix(EMBEDDED_ALONE);
        let stem = alone.unwrap_or(name);
        let file = Path::new("profiles").join(format!("{stem}.toml"));
        if alone.is_none() && here.join(&file).exists() {
            return Self::from_file(name, file, here);
        }
        match EMBEDDED.iter().find(|(embedded, _)| *embedded == stem) {
            Some((_, text)) => Ok(Self::new(name, file, here, (*text).to_owned())),
            None => {
                let known = names(here);
                let known = || known.iter().map(String::as_str);
                let near =
                    nearest(name, known()).map_or(String::new(), |near| format!("did you mean \"{near}\"? "));
                let help =
                    format!("{near}The profiles are {}; a file needs a slash or `.toml`", list(known()));
                let message = format!("profile \"{}\" does not exist", name.escape_debug());
                let found = Diagnostic::error("", message, help);
                Err(ProfileError::new(name, found.at(Origin::File(file))))
            }
        }
    }

    /// The name of the copy of `name` inside the binary, in every folder.
    ///
    /// An MCP host may start this program in any folder, for example that of a cloned project. With a bare name, that folder
    /// could decide where credentials are sent.
    pub fn embedded(name: &str) -> String {
        if name.starts_with(EMBEDDED_ALONE) { name.to_owned() } else { format!("{EMBEDDED_ALONE}{name}") }
    }

    /// The profile `text`, as if it were in `file`, seen from the folder `here`.
    pub fn new(name: &str, file: PathBuf, here: &Path, text: String) -> Self {
        // Without the `.` of `./team.toml`, which would be part of every path that is printed.
        let base_dir = here.join(file.parent().unwrap_or(Path::new(""))).components().collect();
        Self { name: name.to_owned(), file, base_dir, text }
    }

    fn from_file(name: &str, file: PathBuf, here: &Path) -> Result<Self, ProfileError> {
        let bytes = std::fs::read(here.join(&file)).map_err(|error| {
            let (message, help) = match error.kind() {
                ErrorKind::NotFound => ("no such file".to_owned(), "check the path"),
                kind => (format!("cannot be read: {kind}"), "check that this user may read it"),
            };
            ProfileError::new(name, Diagnostic::error("", message, help).at(Location::file(&file)))
        })?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, file, here, text)),
            Err(error) => {
                let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
                let location = Location { origin: Origin::File(file), line: Some(line), column: None };
                let found = Diagnostic::error("", "this line is not UTF-8", "save the file as UTF-8");
                Err(ProfileError::new(name, found.at(location)))
            }
        }
    }
}

/// The names that `--profile` takes, seen from the folder `here`: its own files, and the copies inside the binary.
fn names(here: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(here.join("profiles")).into_iter().flatten().flatten();
    let files =
        entries.filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".toml")?.to_owned()));
    files.chain(EMBEDDED.iter().map(|(name, _)| (*name).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_below_the_working_directory_wins_over_the_copy_inside() {
        let here = tempfile::tempdir().unwrap();
        assert!(Source::find("dev", here.path()).unwrap().text.contains("[modules.github]"));
        std::fs::create_dir(here.path().join("profiles")).unwrap();
        std::fs::write(here.path().join("profiles/dev.toml"), "# mine").unwrap();
        let found = Source::find("dev", here.path()).unwrap();
        assert_eq!(found.text, "# mine");
        assert_eq!(found.base_dir, here.path().join("profiles"));
    }

    #[test]
    fn the_copy_inside_can_be_asked_for_past_a_file() {
        let here = tempfile::tempdir().unwrap();
        std::fs::create_dir(here.path().join("profiles")).unwrap();
        std::fs::write(here.path().join("profiles/dev.toml"), "# a stranger's").unwrap();
        let name = Source::embedded("dev");
        assert_eq!(Source::embedded(&name), name);
        assert!(Source::find(&name, here.path()).unwrap().text.contains("[modules.github]"));
        let report = Source::find("embedded:devv", here.path()).unwrap_err().report();
        assert!(report.contains("profile \"embedded:devv\" does not exist"), "{report}");
    }

    #[test]
    fn a_slash_or_an_ending_makes_it_a_file() {
        let here = tempfile::tempdir().unwrap();
        std::fs::write(here.path().join("x.toml"), "# x").unwrap();
        std::fs::write(here.path().join("y"), "# y").unwrap();
        assert_eq!(Source::find("x.toml", here.path()).unwrap().text, "# x");
        assert_eq!(Source::find("./y", here.path()).unwrap().text, "# y");
        let absent = Source::find("z.toml", here.path()).unwrap_err();
        assert!(absent.report().contains("z.toml  no such file; check the path"), "{absent:?}");
    }

    #[test]
    fn an_unknown_name_is_reported_with_those_that_exist() {
        let here = tempfile::tempdir().unwrap();
        std::fs::create_dir(here.path().join("profiles")).unwrap();
        std::fs::write(here.path().join("profiles/mine.toml"), "").unwrap();
        let report = Source::find("devv", here.path()).unwrap_err().report();
        assert!(
            report.contains("did you mean \"dev\"? The profiles are airgap, dev, mine, mounted, onprem"),
            "{report}"
        );
    }

    #[test]
    fn a_file_that_is_not_utf8_is_reported_with_its_line() {
        let here = tempfile::tempdir().unwrap();
        std::fs::write(here.path().join("x.toml"), b"a = 1\nb = \"\xff\"\n").unwrap();
        let report = Source::find("x.toml", here.path()).unwrap_err().report();
        assert!(report.starts_with("x.toml:2  this line is not UTF-8"), "{report}");
    }
}
