//! What is wrong with a profile: where it stands, what was found, what would be right.
//!
//! No problem quotes a line of the profile. A line may hold a secret that does not belong there, so a problem names the
//! place and leaves the looking to the reader's editor; that is why the diagnostics carry no source code.

use std::fmt;
use std::path::PathBuf;

use miette::Diagnostic;
use serde::Serialize;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum Origin {
    /// The profile's file; for a copy inside the binary the path it would have.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A command-line flag, with its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(variable) => write!(f, "environment variable {}", variable.escape_debug()),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// Where something stands: the origin, and in a file the line and column, both counted from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Where the value comes from.
    pub origin: Origin,
    /// The line in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in that line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

impl Place {
    /// A place that has no lines: a variable, a flag, a file as a whole.
    pub(super) fn whole(origin: Origin) -> Self {
        Self { origin, line: None, column: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.origin)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(f, ":{column}")?;
        }
        Ok(())
    }
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The profile is refused.
    Error,
    /// The profile is taken; someone should look.
    Warning,
}

/// One thing that is wrong with a profile. Never holds the value of a secret. Sorts by place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// The key with dots between nested ones (`vaults.notes.file`); empty where it concerns the whole profile.
    pub key: String,
    /// What was found, and why it cannot be.
    pub message: String,
    /// What would be right.
    pub remedy: String,
    /// How bad it is.
    pub severity: Severity,
}

impl fmt::Display for Problem {
    /// `profiles/dev.toml:12:1  vaults.x.bakend: unknown key; did you mean `backend`?`, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  ", self.place)?;
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.message, self.remedy)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }
}

/// A profile that is refused, with everything that is wrong with it: by origin, line and column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProfileError {
    /// The profile's name, as it was asked for.
    pub profile: String,
    /// The problems; at least one is an error.
    pub problems: Vec<Problem>,
}

impl ProfileError {
    /// One problem that stands alone, for what is found before there is a file to look into.
    pub(super) fn alone(
        profile: &str,
        origin: Origin,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let problem = Problem {
            place: Place::whole(origin),
            key: String::new(),
            message: message.into(),
            remedy: remedy.into(),
            severity: Severity::Error,
        };
        Self { profile: profile.to_owned(), problems: vec![problem] }
    }

    /// All problems, one a line, for a plain terminal or a log.
    pub fn report(&self) -> String {
        self.problems.iter().map(|problem| format!("{problem}\n")).collect()
    }
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.problems.iter().filter(|p| p.severity == Severity::Error).count();
        let plural = if errors == 1 { "" } else { "s" };
        write!(f, "the profile `{}` has {errors} problem{plural}", self.profile.escape_debug())
    }
}

impl std::error::Error for ProfileError {}

impl Diagnostic for ProfileError {
    fn code(&self) -> Option<Box<dyn fmt::Display + '_>> {
        Some(Box::new("profile"))
    }

    fn related(&self) -> Option<Box<dyn Iterator<Item = &dyn Diagnostic> + '_>> {
        Some(Box::new(self.problems.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}
