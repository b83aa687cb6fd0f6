//! A command with placeholders. Each argument stays one argument, whatever is put into it.
//!
//! What is put in is a path or the name of a field. Their types allow no slash at an end, no leading `-` or `.`, no space
//! and no control character: no value becomes an option, an argument of its own, or a step out of a folder.

use cofferdam_vault::{ErrorKind, FieldName, SecretPath, VaultError};

/// What replaces a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placeholder {
    Path,
    Module,
    Account,
    Field,
}

const PLACEHOLDERS: [(&str, Placeholder); 4] = [
    ("path", Placeholder::Path),
    ("module", Placeholder::Module),
    ("account", Placeholder::Account),
    ("field", Placeholder::Field),
];

/// A command.
#[derive(Default)]
pub(crate) struct Template {
    pub(crate) program: String,
    arguments: Vec<Vec<Part>>,
}

enum Part {
    Text(String),
    Placeholder(Placeholder),
}

/// What is wrong with a command: the message and the help.
pub(crate) type Invalid = (&'static str, &'static str);

impl Template {
    /// Parses a command: the program, and its arguments.
    pub(crate) fn parse(command: &[String]) -> Result<Self, Invalid> {
        let example = "write a list, for example [\"pass\", \"show\", \"{path}\"]";
        let Some((program, arguments)) = command.split_first().filter(|(program, _)| !program.is_empty())
        else {
            return Err(("names no program", example));
        };
        if command.iter().any(|part| part.contains('\0')) {
            return Err(("contains a NUL character", "remove it"));
        }
        if parse_argument(program)?.iter().any(|part| matches!(part, Part::Placeholder(_))) {
            return Err((
                "has a placeholder in the name of its program",
                "use placeholders in arguments only",
            ));
        }
        let arguments =
            arguments.iter().map(|argument| parse_argument(argument)).collect::<Result<_, _>>()?;
        Ok(Self { program: program.clone(), arguments })
    }

    /// Whether the command has this placeholder.
    pub(crate) fn has(&self, placeholder: Placeholder) -> bool {
        let is_it = |part: &Part| matches!(part, Part::Placeholder(found) if *found == placeholder);
        self.arguments.iter().flatten().any(is_it)
    }

    /// Whether the command has any placeholder.
    pub(crate) fn has_any(&self) -> bool {
        PLACEHOLDERS.iter().any(|(_, placeholder)| self.has(*placeholder))
    }

    /// Whether commands for two different paths differ.
    pub(crate) fn tells_paths_apart(&self) -> bool {
        self.has(Placeholder::Path) || (self.has(Placeholder::Module) && self.has(Placeholder::Account))
    }

    /// The arguments for the secret at `path`, and for `field` if the command has that placeholder.
    ///
    /// # Errors
    ///
    /// `Misconfigured` (secret) if the path has one segment only and the command needs a module and an account.
    pub(crate) fn arguments(
        &self,
        path: &SecretPath,
        field: Option<&FieldName>,
    ) -> Result<Vec<String>, VaultError> {
        let (module, account) = match path.as_str().rsplit_once('/') {
            Some((module, account)) => (Some(module), Some(account)),
            None => (None, None),
        };
        let value = |placeholder| match placeholder {
            Placeholder::Path => Some(path.as_str()),
            Placeholder::Module => module,
            Placeholder::Account => account,
            Placeholder::Field => field.map(FieldName::as_str),
        };
        let part = |part: &Part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Placeholder(placeholder) => value(*placeholder).map(str::to_owned),
        };
        let argument = |parts: &Vec<Part>| parts.iter().map(part).collect::<Option<String>>();
        self.arguments.iter().map(argument).collect::<Option<_>>().ok_or_else(|| {
            VaultError::secret(
                ErrorKind::Misconfigured,
                format!("{path} has no account; use {{path}} in the command, or a path of two segments"),
            )
        })
    }

    /// The arguments of a command without placeholders.
    pub(crate) fn plain_arguments(&self) -> Vec<String> {
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Placeholder(_) => String::new(),
        };
        self.arguments.iter().map(|parts| parts.iter().map(text).collect()).collect()
    }
}

/// Braces around anything but a lowercase word are text, as in a query of `jq`.
fn parse_argument(argument: &str) -> Result<Vec<Part>, Invalid> {
    let (mut parts, mut text, mut rest) = (Vec::new(), String::new(), argument);
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let word = after.split_once('}').filter(|(word, _)| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        });
        match word {
            None => {
                text.push('{');
                rest = after;
            }
            Some((word, after)) => {
                let known = PLACEHOLDERS.iter().find(|(name, _)| *name == word);
                let Some((_, placeholder)) = known else {
                    return Err((
                        "has an unknown placeholder",
                        "there are {path}, {module}, {account} and {field}",
                    ));
                };
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(Part::Placeholder(*placeholder));
                rest = after;
            }
        }
    }
    text.push_str(rest);
    parts.push(Part::Text(text));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::testkit::{field, path};

    use super::*;

    fn template(command: &[&str]) -> Result<Template, Invalid> {
        Template::parse(&command.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>())
    }

    fn arguments(command: &[&str], at: &str, name: &str) -> Vec<String> {
        template(command).unwrap().arguments(&path(at), Some(&field(name))).unwrap()
    }

    #[test]
    fn each_argument_stays_one_argument() {
        let command = ["op", "read", "op://Team/{module}-{account}/{field}", "{path}", ".{0} {} {A}", "{"];
        assert_eq!(
            arguments(&command, "github/work", "token"),
            ["read", "op://Team/github-work/token", "github/work", ".{0} {} {A}", "{"]
        );
        assert_eq!(arguments(&["x", "{module}", "{account}"], "a/b/c", "t"), ["a/b", "c"]);
    }

    #[test]
    fn no_value_becomes_an_option_or_leaves_its_folder() {
        let command = ["x", "{path}", "{module}", "{account}", "{field}", "s/{path}/{field}", "--n={field}"];
        for at in ["a/b", "0/1", "a--b/c-", "a_/b_/c"] {
            for name in ["_", "_.", "a..", "a...b", "A-", "_-rf"] {
                let arguments = arguments(&command, at, name);
                assert_eq!(arguments.len(), command.len() - 1);
                let options = arguments.iter().filter(|argument| argument.starts_with('-')).count();
                assert_eq!(options, 1, "only the one that the command names: {arguments:?}");
                let steps = arguments.iter().flat_map(|argument| argument.split('/'));
                assert!(!steps.into_iter().any(|step| matches!(step, "" | "." | "..")), "{arguments:?}");
            }
        }
    }

    #[test]
    fn a_path_without_an_account_is_refused_where_one_is_needed() {
        let command = template(&["x", "{module}-{account}"]).unwrap();
        assert_eq!(command.arguments(&path("github"), None).unwrap_err().kind(), ErrorKind::Misconfigured);
        assert!(template(&["x", "{path}"]).unwrap().arguments(&path("github"), None).is_ok());
    }

    #[test]
    fn what_no_program_can_be_run_with_is_refused() {
        for bad in [&[][..], &[""], &["x{path}"], &["x", "{user}"], &["x", "a\0b"], &["a\0b"]] {
            assert!(template(bad).is_err(), "{bad:?}");
        }
    }
}
