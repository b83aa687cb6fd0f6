//! Finds a profile's text: a file, or the copy inside the binary.
//!
//! A profile decides where credentials are sent and which files are read for a login. A program may be started in any
//! folder, for example in a stranger's clone, so nothing in the working folder is read unless its path is given.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf, is_separator};

use cofferdam_config::suggestions::{list, suggestion};
use cofferdam_config::{Diagnostic, Location, Origin, Text, quote, text};

use super::error::ProfileError;

/// The profiles inside the binary, by name.
pub(super) const EMBEDDED: [(&str, &str); 7] = [
    ("airgap", include_str!("../../profiles/airgap.toml")),
    ("dev", include_str!("../../profiles/dev.toml")),
    ("laptop", include_str!("../../profiles/laptop.toml")),
    ("mounted", include_str!("../../profiles/mounted.toml")),
    ("onprem", include_str!("../../profiles/onprem.toml")),
    ("production", include_str!("../../profiles/production.toml")),
    ("staging", include_str!("../../profiles/staging.toml")),
];

/// The prefix of a profile's name that means its copy inside the binary, even if the user has a file of that name.
const EMBEDDED_ALONE: &str = "embedded:";

/// The folder of the user's profiles, in the folder of the user's configuration.
const OWN_FOLDER: &str = "cofferdam";

/// The folders in which profiles are looked for.
#[derive(Debug, Clone)]
pub struct ProfileFolders {
    /// The working folder. A path is relative to it, and a name never means a file in it.
    working: PathBuf,
    /// The folder of the user's own profiles; `None` without a home folder.
    own: Option<PathBuf>,
}

impl ProfileFolders {
    /// The working folder `working`, and the user's own profiles in `cofferdam` below the folder `configuration`.
    pub fn new(working: PathBuf, configuration: Option<&Path>) -> Self {
        Self { working, own: configuration.map(|folder| folder.join(OWN_FOLDER)) }
    }

    /// The folder that relative paths of a profile inside the binary are relative to. Without a home folder it is the root
    /// of the file system, never the working folder.
    fn of_embedded(&self) -> PathBuf {
        self.own.clone().unwrap_or_else(|| PathBuf::from(std::path::MAIN_SEPARATOR_STR))
    }

    /// The names that `--profile` takes: the user's own profiles, and the copies inside the binary.
    fn names(&self) -> BTreeSet<String> {
        let entries =
            self.own.iter().filter_map(|own| std::fs::read_dir(own).ok()).flatten().filter_map(Result::ok);
        let files =
            entries.filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".toml")?.to_owned()));
        files.chain(EMBEDDED.iter().map(|(name, _)| (*name).to_owned())).collect()
    }
}

/// A profile's text and file.
#[derive(Debug)]
pub struct Source {
    /// The name that was given.
    pub(super) name: String,
    /// Where diagnostics say that the profile is: its file's path, or `embedded:NAME`.
    pub(super) location: PathBuf,
    /// The file; `None` for a copy inside the binary.
    pub(super) file: Option<PathBuf>,
    /// The folder that relative paths are relative to.
    pub(super) base_dir: PathBuf,
    /// The content of the file.
    pub(super) text: String,
    /// The file in the working folder that earlier versions would have read instead.
    ignored: Option<PathBuf>,
}

impl Source {
    /// Finds what `--profile` names.
    ///
    /// A value with a slash or the ending `.toml` is a file. Any other value is the name of one of the user's own profiles;
    /// if there is none, it is the copy inside the binary, whose relative paths are relative to the folder of the user's
    /// own profiles. `embedded:NAME` is always the copy.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is not UTF-8, or the name does not exist.
    pub fn find(name: &str, folders: &ProfileFolders) -> Result<Self, ProfileError> {
        if name.contains(is_separator) || name.ends_with(".toml") {
            return Self::from_file(name, PathBuf::from(name), &folders.working);
        }
        let embedded_alone = name.strip_prefix(EMBEDDED_ALONE);
        let stem = embedded_alone.unwrap_or(name);
        let file_name = format!("{stem}.toml");
        let in_working_folder = Path::new("profiles").join(&file_name);
        let ignored = folders.working.join(&in_working_folder).is_file().then_some(in_working_folder);
        let own = folders.own.as_ref().map(|own| own.join(&file_name));
        // A file that cannot be examined is there: otherwise another profile would be used without a word.
        let own = own.filter(|file| file.try_exists().unwrap_or(true));
        if let (None, Some(file)) = (embedded_alone, own) {
            return Ok(Self { ignored, ..Self::from_file(name, file, &folders.working)? });
        }
        match EMBEDDED.iter().find(|(embedded, _)| *embedded == stem) {
            Some((_, text)) => Ok(Self {
                name: name.to_owned(),
                location: PathBuf::from(Self::embedded(name)),
                file: None,
                base_dir: folders.of_embedded(),
                text: (*text).to_owned(),
                ignored: ignored.filter(|_| embedded_alone.is_none()),
            }),
            None => Err(unknown(name, folders, ignored.as_deref())),
        }
    }

    /// The name of the copy of `name` inside the binary, whatever files there are.
    pub fn embedded(name: &str) -> String {
        if name.starts_with(EMBEDDED_ALONE) { name.to_owned() } else { format!("{EMBEDDED_ALONE}{name}") }
    }

    /// The profile `text`, as if it were in `file`, seen from the folder `here`.
    pub fn new(name: &str, file: PathBuf, here: &Path, text: String) -> Self {
        // Without the `.` of `./team.toml`, which would be part of every path that is printed.
        let base_dir: PathBuf = here.join(file.parent().unwrap_or(Path::new(""))).components().collect();
        let absolute = file.file_name().map(|file| base_dir.join(file));
        Self { name: name.to_owned(), location: file, file: absolute, base_dir, text, ignored: None }
    }

    /// A warning about the file in the working folder that was not read, if there is one.
    pub fn ignored(&self) -> Option<Diagnostic> {
        let file = self.ignored.as_ref()?;
        let read = match &self.file {
            Some(file) => quote::path(file),
            None => "the profile inside the binary".into(),
        };
        let message = text!(
            "this file is not read, because a name never means a file in the working folder; {read} is used"
        );
        let help = text!("to use this file, pass `--profile {}`", path_to_give(file));
        Some(Diagnostic::warning("", message, help).at(Location::file(file)))
    }

    fn from_file(name: &str, file: PathBuf, here: &Path) -> Result<Self, ProfileError> {
        let bytes = std::fs::read(here.join(&file)).map_err(|error| {
            let (message, help) = match error.kind() {
                ErrorKind::NotFound => ("no such file".into(), "check the path"),
                kind => (text!("cannot be read: {kind}"), "check that this user may read it"),
            };
            let found = Diagnostic::error("", message, help);
            // What does not exist may be anything, also a secret that was pasted.
            match quote::is_quotable_path(name) || here.join(&file).exists() {
                true => ProfileError::new(name, found.at(Location::file(&file))),
                false => ProfileError::new(&shown(name), found.at(Location::flag("--profile"))),
            }
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

/// The error for a name that no profile has.
fn unknown(name: &str, folders: &ProfileFolders, ignored: Option<&Path>) -> ProfileError {
    let known = folders.names();
    let known = || known.iter().map(String::as_str);
    let mut help = match ignored {
        Some(file) => {
            text!("for the file in the working folder, pass `--profile {}`. ", path_to_give(file))
        }
        None => suggestion(name, known()).map(|suggestion| text!("{suggestion} ")).unwrap_or_default(),
    };
    help.push(text!("The profiles are {}; a file needs a slash or `.toml`", list(known())));
    let message = text!("{} does not exist", quote::named("profile", name));
    ProfileError::new(&shown(name), Diagnostic::error("", message, help).at(Location::flag("--profile")))
}

/// The name of a profile that does not exist, or its description.
fn shown(name: &str) -> Text {
    if quote::is_quotable_path(name) { Text::unchecked(name) } else { quote::string(name) }
}

/// The path of a file in the working folder, as the command line takes it.
fn path_to_give(file: &Path) -> Text {
    text!(".{}{}", std::path::MAIN_SEPARATOR_STR, quote::path(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A working folder that has a file `profiles/dev.toml`, and a folder of configuration.
    fn folders() -> (tempfile::TempDir, tempfile::TempDir, ProfileFolders) {
        let (here, configuration) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir(here.path().join("profiles")).unwrap();
        std::fs::write(here.path().join("profiles/dev.toml"), "# a stranger's").unwrap();
        std::fs::create_dir(configuration.path().join("cofferdam")).unwrap();
        let folders = ProfileFolders::new(here.path().to_owned(), Some(configuration.path()));
        (here, configuration, folders)
    }

    #[test]
    fn a_name_never_means_a_file_in_the_working_folder() {
        let (_here, configuration, folders) = folders();
        let found = Source::find("dev", &folders).unwrap();
        assert!(found.text.contains("[modules.github]"), "the copy inside the binary");
        assert_eq!(found.base_dir, configuration.path().join("cofferdam"));
        let warning = found.ignored().unwrap().to_string();
        assert!(warning.contains("profiles/dev.toml"), "{warning}");
        assert!(warning.ends_with("pass `--profile ./profiles/dev.toml`"), "{warning}");
        let given = Source::find("./profiles/dev.toml", &folders).unwrap();
        assert!(given.text == "# a stranger's" && given.ignored().is_none());
    }

    #[test]
    fn the_users_own_profile_wins_over_the_copy_inside() {
        let (here, configuration, folders) = folders();
        let own = configuration.path().join("cofferdam/dev.toml");
        std::fs::write(&own, "# mine").unwrap();
        let found = Source::find("dev", &folders).unwrap();
        assert_eq!((found.text.as_str(), found.file.as_deref()), ("# mine", Some(own.as_path())));
        assert_eq!(found.base_dir, configuration.path().join("cofferdam"));
        assert!(found.ignored().unwrap().message.contains(own.to_str().unwrap()));
        let name = Source::embedded("dev");
        assert_eq!(Source::embedded(&name), name);
        let copy = Source::find(&name, &folders).unwrap();
        assert!(copy.text.contains("[modules.github]") && copy.ignored().is_none());
        let report = Source::find("embedded:devv", &folders).unwrap_err().report();
        assert!(report.contains("does not exist"), "{report}");
        drop(here);
    }

    #[test]
    fn without_a_home_folder_nothing_is_relative_to_the_working_folder() {
        let here = tempfile::tempdir().unwrap();
        let folders = ProfileFolders::new(here.path().to_owned(), None);
        let found = Source::find("airgap", &folders).unwrap();
        assert!(!found.base_dir.starts_with(here.path()) && found.base_dir.is_absolute());
    }

    #[test]
    fn a_slash_or_an_ending_makes_it_a_file() {
        let (here, _configuration, folders) = folders();
        std::fs::write(here.path().join("x.toml"), "# x").unwrap();
        std::fs::write(here.path().join("y"), "# y").unwrap();
        assert_eq!(Source::find("x.toml", &folders).unwrap().text, "# x");
        assert_eq!(Source::find("./y", &folders).unwrap().text, "# y");
        let absent = Source::find("z.toml", &folders).unwrap_err();
        assert!(absent.report().contains("z.toml  no such file; check the path"), "{absent:?}");
    }

    #[test]
    fn an_unknown_name_is_reported_with_those_that_exist_and_the_path_to_give() {
        let (here, configuration, folders) = folders();
        std::fs::write(configuration.path().join("cofferdam/mine.toml"), "").unwrap();
        let report = Source::find("devv", &folders).unwrap_err().report();
        assert!(
            report.contains(
                "did you mean \"dev\"? The profiles are airgap, dev, laptop, mine, mounted, onprem"
            ),
            "{report}"
        );
        std::fs::write(here.path().join("profiles/team.toml"), "").unwrap();
        let report = Source::find("team", &folders).unwrap_err().report();
        assert!(report.contains("pass `--profile ./profiles/team.toml`"), "{report}");
    }

    #[test]
    fn a_file_that_is_not_utf8_is_reported_with_its_line() {
        let (here, _configuration, folders) = folders();
        std::fs::write(here.path().join("x.toml"), b"a = 1\nb = \"\xff\"\n").unwrap();
        let report = Source::find("x.toml", &folders).unwrap_err().report();
        assert!(report.starts_with("x.toml:2  this line is not UTF-8"), "{report}");
    }
}
