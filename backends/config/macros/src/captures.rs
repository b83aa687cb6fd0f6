//! The variables that a format string captures.

/// The names of the variables that the format string `literal`, as it is written in the source, captures: `name` in
/// `"{name:>4}"`. Each of them once.
///
/// A name that is not a valid one is left out; `format_args!` reports it.
pub(crate) fn captures(literal: &str) -> Vec<String> {
    let is_raw = literal.starts_with('r');
    let mut names: Vec<String> = Vec::new();
    let mut rest = literal;
    while let Some(at) = rest.find(['{', '\\']) {
        let special = &rest[at..];
        let length = match special {
            // The braces of `\u{1b}` are not the string's.
            _ if !is_raw && special.starts_with("\\u") => special.find('}').unwrap_or(1) + 1,
            _ if special.starts_with('\\') => {
                if is_raw {
                    1
                } else {
                    2
                }
            }
            _ if special.starts_with("{{") => 2,
            _ => {
                let inside = &special[1..];
                let name = inside.split([':', '}']).next().unwrap_or_default().trim();
                if is_name(name) && !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
                1
            }
        };
        rest = rest.get(at + length..).unwrap_or_default();
    }
    names
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_captured_variable_is_found_once() {
        for (literal, names) in [
            (r#""{name} is too {wrong}, {name}""#, vec!["name", "wrong"]),
            (r#""{mode:04o} {} {0} {why:?}""#, vec!["mode", "why"]),
            (r#""write `{{argument}}` or {{{name}}}""#, vec!["name"]),
            (r#""\u{1b} \"{name}\" \\{wrong}""#, vec!["name", "wrong"]),
            (r##"r#"\u{name}"#"##, vec!["name"]),
            (r#""{größe} {_x}""#, vec!["größe", "_x"]),
            (r#""no arguments""#, vec![]),
        ] {
            assert_eq!(captures(literal), names, "{literal}");
        }
    }
}
