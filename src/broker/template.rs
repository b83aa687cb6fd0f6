//! Where a module's secrets lie in its vault: a path with names left open.

use std::str::FromStr;

use cofferdam_vault::SecretPath;

/// The longest names that a path can hold, to try a template with. A user's segment has 41 bytes.
const TRY_USER: &str = "u0123456789abcdef0123456789abcdef01234567";

/// A path template: segments as in a [`SecretPath`], with `{user}`, `{module}` and `{account}` in them.
///
/// ```
/// use cofferdam::broker::PathTemplate;
///
/// let template: PathTemplate = "{user}/{module}/{account}".parse().unwrap();
/// assert!(template.names_user());
/// assert_eq!(template.fill("u1f", "github", "work").unwrap().as_str(), "u1f/github/work");
/// assert!("{usr}/{module}".parse::<PathTemplate>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    User,
    Module,
    Account,
}

impl PathTemplate {
    /// Whether every user has a path of their own.
    pub fn names_user(&self) -> bool {
        self.0.contains(&Part::User)
    }

    /// The path for these names; `user` is [`Caller::path_segment`](crate::caller::Caller::path_segment).
    ///
    /// # Errors
    ///
    /// Where the names make a segment that no [`SecretPath`] can have, for example a too long one.
    pub fn fill(&self, user: &str, module: &str, account: &str) -> Result<SecretPath, InvalidTemplate> {
        let mut path = String::with_capacity(96);
        for part in &self.0 {
            path.push_str(match part {
                Part::Text(text) => text,
                Part::User => user,
                Part::Module => module,
                Part::Account => account,
            });
        }
        path.parse().map_err(|error| InvalidTemplate(format!("no path can be made: {error}")))
    }
}

impl FromStr for PathTemplate {
    type Err = InvalidTemplate;

    fn from_str(text: &str) -> Result<Self, InvalidTemplate> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, open)) = rest.split_once('{') {
            let (name, after) = open
                .split_once('}')
                .ok_or_else(|| InvalidTemplate("a `{` has no `}`; close it behind the name".to_owned()))?;
            if !literal.is_empty() {
                parts.push(Part::Text(literal.to_owned()));
            }
            parts.push(match name {
                "user" => Part::User,
                "module" => Part::Module,
                "account" => Part::Account,
                other => {
                    return Err(InvalidTemplate(format!(
                        "`{{{}}}` stands for nothing; there are `{{user}}`, `{{module}}` and `{{account}}`",
                        other.escape_debug()
                    )));
                }
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        let template = Self(parts);
        template.fill(TRY_USER, "m", "a")?;
        Ok(template)
    }
}

/// Why a text is no path template, or makes no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTemplate(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_where_the_template_says() {
        for (template, path) in [
            ("{module}/{account}", "github/work"),
            ("{user}/{module}/{account}", "u1/github/work"),
            ("team-{module}/x/{account}_ro", "team-github/x/work_ro"),
            ("shared", "shared"),
        ] {
            let template: PathTemplate = template.parse().unwrap();
            assert_eq!(template.fill("u1", "github", "work").unwrap().as_str(), path);
        }
    }

    #[test]
    fn what_can_make_no_path_is_refused_before_any_call() {
        for bad in [
            "",
            "/",
            "{module}/",
            "../{module}",
            "{module",
            "module}",
            "{Module}",
            "{}",
            "{user}{user}",
            "A/{module}",
        ] {
            assert!(bad.parse::<PathTemplate>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_name_that_is_too_long_makes_no_path() {
        let template: PathTemplate = "team-{module}".parse().unwrap();
        assert!(template.fill("u1", &"m".repeat(60), "a").is_err());
    }
}
