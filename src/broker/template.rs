//! The path template of a module: where its secrets are stored in its vault.

use std::fmt;
use std::str::FromStr;

use cofferdam_config::Shown;
use cofferdam_vault::{InvalidName, SecretPath};

use crate::caller::Caller;

/// A path template such as `{module}/{account}`: placeholders and names with `/` between them.
///
/// The placeholders are `{user}`, `{module}` and `{account}`, each a whole segment. `{account}` must be present: without
/// it all accounts of a module would share one secret.
///
/// ```
/// use cofferdam::broker::{AccountPath, PathTemplate};
///
/// let template: PathTemplate = "{module}/{account}".parse().unwrap();
/// assert!(!template.is_per_user());
/// let path = template.for_account("github", "work").unwrap();
/// assert_eq!(path, AccountPath::Shared("github/work".parse().unwrap()));
/// assert!("{usr}/{account}".parse::<PathTemplate>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    User,
    Module,
    Account,
    Name(SecretPath),
}

impl PathTemplate {
    /// Whether each user has a path of their own.
    pub fn is_per_user(&self) -> bool {
        self.0.contains(&Segment::User)
    }

    /// The path of an account's secret.
    ///
    /// # Errors
    ///
    /// If `module` or `account` is not a valid [`SecretPath`].
    pub fn for_account(&self, module: &str, account: &str) -> Result<AccountPath, InvalidName> {
        let (module, account): (SecretPath, SecretPath) = (module.parse()?, account.parse()?);
        let mut parts = Vec::with_capacity(self.0.len());
        for segment in &self.0 {
            let fixed = match segment {
                Segment::User => {
                    parts.push(Part::User);
                    continue;
                }
                Segment::Module => &module,
                Segment::Account => &account,
                Segment::Name(name) => name,
            };
            match parts.last_mut() {
                Some(Part::Fixed(before)) => *before = before.join(fixed),
                _ => parts.push(Part::Fixed(fixed.clone())),
            }
        }
        Ok(match parts.as_slice() {
            [Part::Fixed(path)] => AccountPath::Shared(path.clone()),
            _ => AccountPath::PerUser(UserPath(parts)),
        })
    }
}

impl FromStr for PathTemplate {
    type Err = InvalidTemplate;

    fn from_str(text: &str) -> Result<Self, InvalidTemplate> {
        let segments: Option<Vec<Segment>> = text.split('/').map(segment).collect();
        let segments = segments.ok_or(InvalidTemplate::Segment)?;
        if segments.contains(&Segment::Account) {
            Ok(Self(segments))
        } else {
            Err(InvalidTemplate::NoAccount)
        }
    }
}

fn segment(text: &str) -> Option<Segment> {
    Some(match text {
        "{user}" => Segment::User,
        "{module}" => Segment::Module,
        "{account}" => Segment::Account,
        name => Segment::Name(name.parse().ok()?),
    })
}

impl Default for PathTemplate {
    /// `{module}/{account}`.
    fn default() -> Self {
        Self(vec![Segment::Module, Segment::Account])
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            f.write_str(match segment {
                Segment::User => "{user}",
                Segment::Module => "{module}",
                Segment::Account => "{account}",
                Segment::Name(name) => name.as_str(),
            })?;
        }
        Ok(())
    }
}

/// Where one account's secret is stored. Equal paths are the same secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AccountPath {
    /// One secret that all users share.
    Shared(SecretPath),
    /// One secret per user.
    PerUser(UserPath),
}

/// A path that is complete but for the user.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserPath(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Part {
    User,
    Fixed(SecretPath),
}

impl UserPath {
    /// The path of `caller`'s secret.
    pub fn for_caller(&self, caller: &Caller) -> SecretPath {
        let user = caller.path_segment();
        let parts = self.0.iter().map(|part| match part {
            Part::User => user.clone(),
            Part::Fixed(path) => path.clone(),
        });
        // There is at least one part: the user.
        parts.reduce(|path, part| path.join(&part)).unwrap_or_else(|| user.clone())
    }
}

/// Why a string is not a path template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    /// A segment is neither a placeholder nor a name.
    #[error("a segment of this path is neither a placeholder nor a name")]
    Segment,
    /// `{account}` is missing.
    #[error("without `{{account}}` in its path all accounts would share one secret")]
    NoAccount,
}

impl Shown for InvalidTemplate {}

impl InvalidTemplate {
    /// How to correct the template.
    pub fn help(self) -> &'static str {
        match self {
            Self::Segment => {
                "put `{user}`, `{module}`, `{account}` and names of `a-z`, `0-9`, `_`, `-` between slashes"
            }
            Self::NoAccount => "write for example \"{module}/{account}\"",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(template: &str) -> String {
        let template: PathTemplate = template.parse().unwrap();
        match template.for_account("github", "work").unwrap() {
            AccountPath::Shared(path) => path.to_string(),
            AccountPath::PerUser(path) => path.for_caller(&Caller::local()).to_string(),
        }
    }

    #[test]
    fn placeholders_are_replaced_segment_by_segment() {
        let user = Caller::local().path_segment().to_string();
        for (template, path) in [
            ("{module}/{account}", "github/work".to_owned()),
            ("{user}/{module}/{account}", format!("{user}/github/work")),
            ("team-a/{module}/{user}/{account}/ro", format!("team-a/github/{user}/work/ro")),
            ("{account}/{user}/{user}", format!("work/{user}/{user}")),
        ] {
            assert_eq!(path_of(template), path);
            let parsed: PathTemplate = template.parse().unwrap();
            assert_eq!(parsed.to_string(), template);
            assert_eq!(parsed.is_per_user(), template.contains("{user}"));
        }
        assert_eq!(PathTemplate::default().to_string(), "{module}/{account}");
    }

    #[test]
    fn a_template_has_placeholders_and_names_and_no_more() {
        for bad in [
            "",
            "/",
            "/{account}",
            "{account}/",
            "{module}/",
            "../{account}",
            "../{module}",
            "{module",
            "module}",
            "{Module}",
            "{}",
            "{user}{user}",
            "{vault}/{account}",
            "x{account}",
            "team-{module}/{account}",
            "A/{account}",
            "A/{module}",
        ] {
            assert_eq!(bad.parse::<PathTemplate>(), Err(InvalidTemplate::Segment), "{bad:?}");
        }
        for bad in ["{module}", "shared", "{user}/{module}"] {
            assert_eq!(bad.parse::<PathTemplate>(), Err(InvalidTemplate::NoAccount), "{bad:?}");
        }
    }

    #[test]
    fn a_name_that_is_too_long_makes_no_path() {
        assert!(PathTemplate::default().for_account(&"m".repeat(65), "a").is_err());
    }
}
