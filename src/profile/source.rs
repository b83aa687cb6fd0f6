//! Where a profile's text comes from: a file, or the copy inside the binary.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf, is_separator};

use super::problem::{Origin, Place, Problem, ProfileError, Severity};
use crate::names::{listed, nearest};

/// The profiles inside the binary, by name.
const EMBEDDED: [(&str, &str); 6] = [
    ("airgap", include_str!("../../profiles/airgap.toml")),
    ("dev", include_str!("../../profiles/dev.toml")),
    ("mounted", include_str!("../../profiles/mounted.toml")),
    ("onprem", include_str!("../../profiles/onprem.toml")),
    ("production", include_str!("../../profiles/production.toml")),
    ("staging", include_str!("../../profiles/staging.toml")),
];

/// Before a profile's name: its copy inside the binary, whatever stands below the working directory.
const EMBEDDED_ALONE: &str = "embedded:";

/// A profile's text, and where it stands.
#[derive(Debug)]
pub struct Source {
    /// As it was asked for.
    pub(super) name: String,
    /// The file's path as problems show it.
    pub(super) file: PathBuf,
    /// The folder that relative paths are relative to.
    pub(super) base_dir: PathBuf,
    /// What stands in the file.
    pub(super) text: String,
}

impl Source {
    /// Finds what `--profile` names, seen from the folder `here`.
    ///
    /// With a slash or `.toml` it is a file. Else it is `profiles/NAME.toml` below `here`, and where that is not there, the
    /// copy inside the binary, which counts as standing at that same path. `embedded:NAME` is that copy in every folder.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or is no UTF-8; a name that does not exist, with those that do.
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
            Some((_, text)) => Ok(Self::of(name, file, here, (*text).to_owned())),
            None => {
                let known = names(here);
                let known = || known.iter().map(String::as_str);
                let near =
                    nearest(name, known()).map_or(String::new(), |near| format!("did you mean `{near}`? "));
                let remedy = format!("{near}There are: {}; a file needs a slash or `.toml`", listed(known()));
                Err(ProfileError::alone(name, Origin::File(file), "there is no such profile", remedy))
            }
        }
    }

    /// What to ask for to find the copy of `name` inside the binary in whatever folder.
    ///
    /// Where somebody else chooses the working directory, as an MCP host does that opens a stranger's project, a bare name
    /// would let that folder say where credentials are sent.
    pub fn embedded(name: &str) -> String {
        if name.starts_with(EMBEDDED_ALONE) { name.to_owned() } else { format!("{EMBEDDED_ALONE}{name}") }
    }

    /// A profile whose text is at hand, as if it stood in `file`, seen from the folder `here`.
    pub fn of(name: &str, file: PathBuf, here: &Path, text: String) -> Self {
        // Without the `.` of `./team.toml`: it would stand in every path that is told.
        let base_dir = here.join(file.parent().unwrap_or(Path::new(""))).components().collect();
        Self { name: name.to_owned(), file, base_dir, text }
    }

    fn from_file(name: &str, file: PathBuf, here: &Path) -> Result<Self, ProfileError> {
        let bytes = std::fs::read(here.join(&file)).map_err(|error| {
            let message = format!("this file cannot be read: {}", error.kind());
            let remedy = "check the path, and that this user may read it";
            ProfileError::alone(name, Origin::File(file.clone()), message, remedy)
        })?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::of(name, file, here, text)),
            Err(error) => {
                let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
                let problem = Problem {
                    place: Place { origin: Origin::File(file), line: Some(line), column: None },
                    key: String::new(),
                    message: "this line is no UTF-8 text".to_owned(),
                    remedy: "save the file as UTF-8".to_owned(),
                    severity: Severity::Error,
                };
                Err(ProfileError { profile: name.to_owned(), problems: vec![problem] })
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
        assert!(report.contains("there is no such profile"), "{report}");
    }

    #[test]
    fn a_slash_or_an_ending_makes_it_a_file() {
        let here = tempfile::tempdir().unwrap();
        std::fs::write(here.path().join("x.toml"), "# x").unwrap();
        std::fs::write(here.path().join("y"), "# y").unwrap();
        assert_eq!(Source::find("x.toml", here.path()).unwrap().text, "# x");
        assert_eq!(Source::find("./y", here.path()).unwrap().text, "# y");
        let absent = Source::find("z.toml", here.path()).unwrap_err();
        assert!(absent.report().contains("z.toml  this file cannot be read: entity not found"), "{absent:?}");
    }

    #[test]
    fn an_unknown_name_is_told_which_exist() {
        let here = tempfile::tempdir().unwrap();
        std::fs::create_dir(here.path().join("profiles")).unwrap();
        std::fs::write(here.path().join("profiles/mine.toml"), "").unwrap();
        let report = Source::find("devv", here.path()).unwrap_err().report();
        assert!(
            report.contains("did you mean `dev`? There are: `airgap`, `dev`, `mine`, `mounted`, `onprem`"),
            "{report}"
        );
    }

    #[test]
    fn a_file_that_is_no_text_is_told_with_its_line() {
        let here = tempfile::tempdir().unwrap();
        std::fs::write(here.path().join("x.toml"), b"a = 1\nb = \"\xff\"\n").unwrap();
        let report = Source::find("x.toml", here.path()).unwrap_err().report();
        assert!(report.starts_with("x.toml:2  this line is no UTF-8 text"), "{report}");
    }
}
