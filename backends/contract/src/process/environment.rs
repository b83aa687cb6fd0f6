//! The environment of a child: nothing but what the settings name.

use std::ffi::{OsStr, OsString};
use std::fmt;

use cofferdam_config::{Diagnostics, quote};

/// Where programs are searched if the settings do not name `PATH`.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The name of the variable with the search path.
const PATH: &str = "PATH";

/// The variables of a child: those of this process that were named, and always a `PATH`. `Debug` prints names only.
#[derive(Clone)]
pub struct Environment {
    variables: Vec<(String, OsString)>,
    /// The named ones that this process does not have.
    unset: Vec<String>,
}

/// Whether `name` can be the name of a variable: `[A-Za-z_][A-Za-z0-9_]*`.
fn is_variable_name(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphabetic() || b == b'_';
    name.bytes().next().is_some_and(letter) && name.bytes().all(|b| letter(b) || b.is_ascii_digit())
}

/// Reports each of `names`, the value of the key `env`, that is not the name of a variable. Quotes no value.
pub fn check_variable_names<'a>(names: impl IntoIterator<Item = &'a String>, found: &mut Diagnostics) {
    // The value of `NAME=value` may be a secret.
    let help = "write the names of variables only, for example [\"HOME\"], and set their values where the server is \
                started";
    for name in names {
        if !is_variable_name(name) || quote::looks_like_a_credential(name) {
            found.error("env", quote::predicate(name, "is not the name of a variable"), help);
        }
    }
}

impl Environment {
    /// The variables `names` of this process, as they are now. `PATH` is `/usr/local/bin:/usr/bin:/bin` unless it is among
    /// `names`. A variable that is unset here is unset in the child.
    pub fn of_this_process<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(names.into_iter().map(|name| (name, std::env::var_os(name))))
    }

    fn new<'a>(named: impl IntoIterator<Item = (&'a str, Option<OsString>)>) -> Self {
        let mut environment = Self { variables: Vec::new(), unset: Vec::new() };
        for (name, value) in named {
            match value {
                Some(value) => environment.variables.push((name.to_owned(), value)),
                None => environment.unset.push(name.to_owned()),
            }
        }
        if !environment.variables.iter().any(|(name, _)| name == PATH) {
            environment.variables.push((PATH.to_owned(), DEFAULT_PATH.into()));
        }
        environment
    }

    /// The same environment with the variable `name`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// The variables.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_os_str()))
    }

    /// The names that were asked for and are unset.
    pub fn unset(&self) -> &[String] {
        &self.unset
    }

    /// Where programs are searched, in the child and for it.
    pub fn search_path(&self) -> &OsStr {
        self.variables().find(|(name, _)| *name == PATH).map_or(OsStr::new(DEFAULT_PATH), |(_, path)| path)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.variables().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_passed_on_and_the_path_is_fixed() {
        let environment = Environment::new([("HOME", Some("/home/ada".into())), ("BW_SESSION", None)]);
        let names: Vec<_> = environment.variables().map(|(name, _)| name).collect();
        assert_eq!(names, ["HOME", "PATH"]);
        assert_eq!(environment.search_path(), DEFAULT_PATH);
        assert_eq!(environment.unset(), ["BW_SESSION"]);
        let own = Environment::new([("PATH", Some("/opt/bin".into()))]);
        assert_eq!(own.search_path(), "/opt/bin");
        assert_eq!(Environment::new([("PATH", None)]).search_path(), DEFAULT_PATH);
    }

    #[test]
    fn no_value_is_printed() {
        let environment = Environment::new([("BW_SESSION", Some("canary".into()))]).with("KEY", "canary");
        assert_eq!(format!("{environment:?}"), r#"["BW_SESSION", "PATH", "KEY"]"#);
    }

    #[test]
    fn a_name_is_a_name_alone() {
        for good in ["HOME", "_x", "a1"] {
            assert!(is_variable_name(good), "{good}");
        }
        for bad in ["", "1A", "A=b", "A B", "A-B", "Ä", "A\0"] {
            assert!(!is_variable_name(bad), "{bad:?}");
        }
    }
}
