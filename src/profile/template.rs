//! A module's path template: where its secrets lie in the vault.

use std::fmt::Write as _;

use cofferdam_vault::SecretPath;

use super::key::is_name;

/// The segments of a template, such as `{module}/{account}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    User,
    Module,
    Account,
    Name(String),
}

impl Template {
    /// Reads a template; in the error what is wrong, and what would be right.
    pub(super) fn parse(text: &str) -> Result<Self, (String, String)> {
        let segments: Vec<_> = text.split('/').map(segment).collect::<Option<_>>().ok_or_else(|| {
            let message = "a segment of this path is neither a placeholder nor a name".to_owned();
            let remedy =
                "put `{user}`, `{module}`, `{account}` and names of `a-z`, `0-9`, `_`, `-` between slashes";
            (message, remedy.to_owned())
        })?;
        if !segments.contains(&Segment::Account) {
            let message = "without `{account}` in its path all accounts would share one secret".to_owned();
            return Err((message, "write for example \"{module}/{account}\"".to_owned()));
        }
        Ok(Self(segments))
    }

    /// Whether every user brings a credential of their own.
    pub(super) fn has_user(&self) -> bool {
        self.0.contains(&Segment::User)
    }

    /// The path of an account; a user's segment stays as it is.
    pub(super) fn filled(&self, module: &str, account: &str) -> String {
        let mut path = String::new();
        for segment in &self.0 {
            let part = match segment {
                Segment::User => "{user}",
                Segment::Module => module,
                Segment::Account => account,
                Segment::Name(name) => name,
            };
            let slash = if path.is_empty() { "" } else { "/" };
            // Writing to a String cannot fail.
            let _ = write!(path, "{slash}{part}");
        }
        path
    }

    /// The path of an account's secret; `None` where it depends on the user.
    pub(super) fn secret_path(&self, module: &str, account: &str) -> Option<SecretPath> {
        self.filled(module, account).parse().ok()
    }
}

fn segment(text: &str) -> Option<Segment> {
    Some(match text {
        "{user}" => Segment::User,
        "{module}" => Segment::Module,
        "{account}" => Segment::Account,
        name if is_name(name) => Segment::Name(name.to_owned()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_has_placeholders_and_names_and_no_more() {
        let template = Template::parse("team-a/{user}/{module}/{account}").unwrap();
        assert_eq!(template.filled("github", "work"), "team-a/{user}/github/work");
        assert!(template.has_user());
        assert_eq!(template.secret_path("github", "work"), None);
        let plain = Template::parse("{module}/{account}").unwrap();
        assert_eq!(plain.secret_path("github", "work").unwrap().as_str(), "github/work");
        for bad in
            ["", "/{account}", "{account}/", "../{account}", "{vault}/{account}", "x{account}", "A/{account}"]
        {
            let (message, _) = Template::parse(bad).unwrap_err();
            assert!(message.contains("a segment of this path"), "{bad}: {message}");
        }
        assert!(Template::parse("{module}").unwrap_err().0.contains("without `{account}`"));
    }
}
