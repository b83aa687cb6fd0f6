//! Parses a `.env` file.
//!
//! Common libraries do not fit. They substitute `$NAME` from the environment, which silently changes a password that
//! contains `$`. Their errors contain the text of the line, which may be a secret, and not its number. And they leave copies
//! of every value in memory.
//!
//! - `NAME=value`, `export NAME=value`; spaces around the name and the value are ignored
//! - unquoted: the rest of the line, verbatim; `#` after a space starts a comment
//! - `'single'`: verbatim, over several lines
//! - `"double"`: the same, with the escapes `\n` `\r` `\t` `\\` `\"` `\'` `\$`
//! - `#` comments and empty lines; the last assignment to a name wins, as in a shell
//!
//! There is no substitution: `$` is a dollar sign.

use std::collections::HashMap;

use cofferdam_vault::SecretString;
use zeroize::Zeroizing;

/// The variables of a file.
pub(crate) type Variables = HashMap<String, SecretString>;

/// A line that cannot be parsed. Does not contain the line's text, which may be a secret.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidLine {
    /// The number of the line, from 1.
    pub(crate) line: usize,
    /// What is wrong with it, and what to write instead.
    pub(crate) why: &'static str,
}

/// Parses the text of a `.env` file.
pub(crate) fn parse(text: &str) -> Result<Variables, InvalidLine> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut variables = Variables::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        if rest.is_empty() {
            return Ok(variables);
        }
        if rest.starts_with('#') {
            rest = split_line(rest).1;
            continue;
        }
        let line = || text[..text.len() - rest.len()].matches('\n').count() + 1;
        let assigned = assignment(rest).map_err(|why| InvalidLine { line: line(), why })?;
        variables.insert(assigned.name.to_owned(), SecretString::from(assigned.value.as_str()));
        rest = assigned.rest;
    }
}

struct Assignment<'a> {
    name: &'a str,
    value: Zeroizing<String>,
    rest: &'a str,
}

fn assignment(text: &str) -> Result<Assignment<'_>, &'static str> {
    let blank = [' ', '\t'];
    let text = match text.strip_prefix("export") {
        Some(exported) if exported.starts_with(blank) => exported.trim_start_matches(blank),
        _ => text,
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let (name, after) = text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()));
    let value = after.trim_start_matches(blank).strip_prefix('=');
    let (false, Some(value)) = (name.is_empty(), value) else {
        return Err("is not an assignment; write NAME=value, or start a comment with `#`");
    };
    let value = value.trim_start_matches(blank);
    let (value, rest) = match value.chars().next() {
        Some('\'') => single_quoted(&value[1..])?,
        Some('"') => double_quoted(&value[1..])?,
        _ => unquoted(value),
    };
    Ok(Assignment { name, value, rest })
}

fn unquoted(text: &str) -> (Zeroizing<String>, &str) {
    let (line, rest) = split_line(text);
    let comment =
        line.match_indices('#').find(|&(at, _)| line[..at].is_empty() || line[..at].ends_with([' ', '\t']));
    let value = comment.map_or(line, |(at, _)| &line[..at]);
    (Zeroizing::new(value.trim_end_matches([' ', '\t', '\r']).to_owned()), rest)
}

fn single_quoted(text: &str) -> Result<(Zeroizing<String>, &str), &'static str> {
    let (value, rest) = text.split_once('\'').ok_or("opens a `'` that is never closed; close it")?;
    Ok((Zeroizing::new(value.to_owned()), after_quote(rest)?))
}

fn double_quoted(text: &str) -> Result<(Zeroizing<String>, &str), &'static str> {
    // Sized for the longest possible value: a buffer that grows leaves a copy behind.
    let end = closing_quote(text).ok_or("opens a `\"` that is never closed; close it")?;
    let mut value = Zeroizing::new(String::with_capacity(end));
    let mut chars = text[..end].chars();
    while let Some(c) = chars.next() {
        value.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some(c @ ('\\' | '"' | '\'' | '$')) => c,
                _ => {
                    return Err(
                        "has an unknown escape in double quotes; use `'…'` for a value with backslashes",
                    );
                }
            },
            c => c,
        });
    }
    Ok((value, after_quote(&text[end + 1..])?))
}

/// The index of the first `"` that is not escaped.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|b| {
        let closes = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        closes
    })
}

/// The text after the line of a closing quote. Only a comment may follow the quote.
fn after_quote(text: &str) -> Result<&str, &'static str> {
    let (line, rest) = split_line(text);
    let line = line.trim_matches([' ', '\t', '\r']);
    if line.is_empty() || line.starts_with('#') {
        Ok(rest)
    } else {
        Err("has text after its closing quote; remove it")
    }
}

fn split_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::ExposeSecret as _;

    use super::*;

    fn one(text: &str) -> String {
        let variables = parse(text).unwrap();
        assert_eq!(variables.len(), 1, "{text:?}");
        variables["A"].expose_secret().to_owned()
    }

    #[test]
    fn values_are_parsed_verbatim() {
        for (text, value) in [
            ("A=b", "b"),
            ("A=b\n", "b"),
            ("A=b\r\n", "b"),
            ("\u{feff}A=b", "b"),
            ("export A=b", "b"),
            ("  export\tA = b  ", "b"),
            ("A=", ""),
            ("A= # nothing", ""),
            ("A=b c", "b c"),
            ("A=b #c", "b"),
            ("A=b#c", "b#c"),
            ("A=$HOME", "$HOME"),
            ("A=\"${HOME}\"", "${HOME}"),
            ("A=b=c==", "b=c=="),
            (r"A=b\n", r"b\n"),
            (r"A='b\n'", r"b\n"),
            (r#"A="b\n\"\\\$\'\t\r" # c"#, "b\n\"\\$'\t\r"),
            ("A='b # c'", "b # c"),
            ("A='b\nc'\n", "b\nc"),
            ("A=\"b\r\nc\"\r\n", "b\r\nc"),
            ("A=\"\"", ""),
            ("A=it's", "it's"),
            ("# c\n\n  # c\nA=b\n# c", "b"),
            ("A=first\nA=last", "last"),
            ("A=\"Zoë 🔑\"", "Zoë 🔑"),
        ] {
            assert_eq!(one(text), value, "{text:?}");
        }
    }

    #[test]
    fn several_assignments_are_parsed() {
        let variables = parse("A='1\n2'\nB=\"3\n4\"\n\nC=5\nexported=6").unwrap();
        let mut names: Vec<_> = variables.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["A", "B", "C", "exported"]);
        assert_eq!(variables["C"].expose_secret(), "5");
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn an_invalid_line_is_reported_by_its_number_alone() {
        for (text, line) in [
            ("canary", 1),
            ("A=1\ncanary\n", 2),
            ("=canary", 1),
            ("A canary=1", 1),
            ("export A", 1),
            ("A='1\n2\n3'\n\nB='canary\n", 5),
            ("\n\nA=\"canary\n", 3),
            ("A=\"canary\\", 1),
            ("A=\"canary\\\"", 1),
            ("A=\"canary\\x\"", 1),
            ("A='canary' canary", 1),
            ("A=\"canary\"canary", 1),
            ("ä=1", 1),
        ] {
            let invalid = parse(text).unwrap_err();
            assert_eq!(invalid.line, line, "{text:?}: {invalid:?}");
            assert!(!format!("{invalid:?}").contains("canary"), "{invalid:?}");
        }
    }
}
