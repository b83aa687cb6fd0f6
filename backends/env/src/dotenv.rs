//! Parses a `.env` file.
//!
//! Common libraries do not fit. They substitute `$NAME` from the environment, which silently changes a password that
//! contains `$`. Their errors contain the text of the line, which may be a secret, and not its number. And they leave copies
//! of every value in memory.
//!
//! - `NAME=value`, `export NAME=value`; spaces around the name and the value are ignored
//! - unquoted: the rest of the line, verbatim; `#` after a space starts a comment, and one that follows `=` at once does not
//! - `'single'`: verbatim, over several lines
//! - `"double"`: the same, with the escapes `\n` `\r` `\t` `\\` `\"` `\'` `\$`
//! - `#` comments and empty lines; the last assignment to a name wins, as in a shell
//!
//! There is no substitution: `$` is a dollar sign. A line that cannot be parsed leaves the other variables usable.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use cofferdam_config::Shown;
use cofferdam_vault::SecretString;
use cofferdam_vault::files::BYTE_ORDER_MARK;
use zeroize::Zeroizing;

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct Dotenv {
    /// Each variable, or the line of its last assignment if that cannot be parsed.
    pub(crate) variables: HashMap<String, Result<SecretString, InvalidLine>>,
    /// The lines that assign to no variable.
    pub(crate) stray: Vec<InvalidLine>,
}

/// A line that cannot be parsed. Does not contain the line's text, which may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidLine {
    /// The number of the line, from 1.
    pub(crate) line: usize,
    /// What is wrong with it.
    pub(crate) why: Problem,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    NoAssignment,
    OpenQuote(char),
    UnknownEscape,
    AfterQuote,
    NotUtf8,
}

impl Problem {
    /// What a person does about it.
    pub(crate) fn help(self) -> &'static str {
        match self {
            Self::NoAssignment => "write NAME=value, or start a comment with `#`",
            Self::OpenQuote(_) => "close it",
            Self::UnknownEscape => "use `'…'` for a value with backslashes",
            Self::AfterQuote => "remove it",
            Self::NotUtf8 => "save the file as UTF-8",
        }
    }
}

impl Shown for InvalidLine {}

impl fmt::Display for InvalidLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} ", self.line)?;
        match self.why {
            Problem::NoAssignment => f.write_str("is not an assignment"),
            Problem::OpenQuote(quote) => write!(f, "opens a `{quote}` that is never closed"),
            Problem::UnknownEscape => f.write_str("has an unknown escape in double quotes"),
            Problem::AfterQuote => f.write_str("has text after its closing quote"),
            Problem::NotUtf8 => f.write_str("is not UTF-8"),
        }
    }
}

impl Dotenv {
    /// Every line that cannot be parsed, in order.
    pub(crate) fn invalid_lines(&self) -> Vec<InvalidLine> {
        let assigned = self.variables.values().filter_map(|value| value.as_ref().err());
        let mut lines: Vec<_> = assigned.chain(&self.stray).copied().collect();
        lines.sort_unstable_by_key(|line| line.line);
        lines
    }
}

/// Parses the content of a `.env` file. A line that cannot be parsed concerns its variable only.
pub(crate) fn parse(content: &[u8]) -> Dotenv {
    let (text, not_utf8) = decode(content);
    let mut rest = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    let mut found = Dotenv::default();
    let mut line = 1;
    while !rest.is_empty() {
        let statement = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        line += line_breaks(&rest[..rest.len() - statement.len()]);
        if statement.is_empty() {
            break;
        }
        let next_line = || split_line(statement).1;
        rest = match assignment(statement) {
            _ if statement.starts_with('#') => next_line(),
            Ok(assigned) => {
                let taken = &statement[..statement.len() - assigned.rest.len()];
                let last = line + line_breaks(taken.strip_suffix('\n').unwrap_or(taken));
                let value = match not_utf8.range(line..=last).next() {
                    Some(&line) => Err(InvalidLine { line, why: Problem::NotUtf8 }),
                    None => Ok(SecretString::from(assigned.value.as_str())),
                };
                found.variables.insert(assigned.name.to_owned(), value);
                assigned.rest
            }
            Err((name, why)) => {
                let why = if not_utf8.contains(&line) { Problem::NotUtf8 } else { why };
                let invalid = InvalidLine { line, why };
                match name {
                    Some(name) => drop(found.variables.insert(name.to_owned(), Err(invalid))),
                    None => found.stray.push(invalid),
                }
                next_line()
            }
        };
        line += line_breaks(&statement[..statement.len() - rest.len()]);
    }
    found
}

/// The text of `content`, and the numbers of the lines that are not UTF-8.
fn decode(content: &[u8]) -> (Zeroizing<String>, BTreeSet<usize>) {
    // A byte becomes at most three. A buffer that grows leaves a copy behind.
    let is_utf8 = std::str::from_utf8(content).is_ok();
    let capacity = if is_utf8 { content.len() } else { 3 * content.len() };
    let mut text = Zeroizing::new(String::with_capacity(capacity));
    let (mut lines, mut line) = (BTreeSet::new(), 1);
    for chunk in content.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            line += line_breaks(chunk.valid());
            lines.insert(line);
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    (text, lines)
}

fn line_breaks(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'\n').count()
}

struct Assignment<'a> {
    name: &'a str,
    value: Zeroizing<String>,
    rest: &'a str,
}

/// Parses the assignment at the start of `text`. An error names the variable, if the line has one.
fn assignment(text: &str) -> Result<Assignment<'_>, (Option<&str>, Problem)> {
    let blank = [' ', '\t'];
    let text = match text.strip_prefix("export") {
        Some(exported) if exported.starts_with(blank) => exported.trim_start_matches(blank),
        _ => text,
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let (name, after) = text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()));
    let value = after.trim_start_matches(blank).strip_prefix('=');
    let (false, Some(written)) = (name.is_empty(), value) else {
        return Err((None, Problem::NoAssignment));
    };
    let value = written.trim_start_matches(blank);
    let parsed = match value.chars().next() {
        Some('\'') => single_quoted(&value[1..]),
        Some('"') => double_quoted(&value[1..]),
        // A `#` that follows the `=` at once begins the value, as in a shell.
        Some('#') if value.len() == written.len() => Ok(unquoted(value, 1)),
        _ => Ok(unquoted(value, 0)),
    };
    let (value, rest) = parsed.map_err(|why| (Some(name), why))?;
    Ok(Assignment { name, value, rest })
}

/// A value without quotes. Its first `verbatim` bytes start no comment.
fn unquoted(text: &str, verbatim: usize) -> (Zeroizing<String>, &str) {
    let (line, rest) = split_line(text);
    let comment = line
        .match_indices('#')
        .find(|&(at, _)| at >= verbatim && (at == 0 || line[..at].ends_with([' ', '\t'])));
    let value = comment.map_or(line, |(at, _)| &line[..at]);
    (Zeroizing::new(value.trim_end_matches([' ', '\t', '\r']).to_owned()), rest)
}

fn single_quoted(text: &str) -> Result<(Zeroizing<String>, &str), Problem> {
    let (value, rest) = text.split_once('\'').ok_or(Problem::OpenQuote('\''))?;
    Ok((Zeroizing::new(value.to_owned()), after_quote(rest)?))
}

fn double_quoted(text: &str) -> Result<(Zeroizing<String>, &str), Problem> {
    // Sized for the longest possible value: a buffer that grows leaves a copy behind.
    let end = closing_quote(text).ok_or(Problem::OpenQuote('"'))?;
    let mut value = Zeroizing::new(String::with_capacity(end));
    let mut chars = text[..end].chars();
    while let Some(c) = chars.next() {
        value.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some(c @ ('\\' | '"' | '\'' | '$')) => c,
                _ => return Err(Problem::UnknownEscape),
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
fn after_quote(text: &str) -> Result<&str, Problem> {
    let (line, rest) = split_line(text);
    let line = line.trim_matches([' ', '\t', '\r']);
    if line.is_empty() || line.starts_with('#') { Ok(rest) } else { Err(Problem::AfterQuote) }
}

fn split_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::ExposeSecret as _;

    use super::*;

    fn parse(text: &str) -> Dotenv {
        super::parse(text.as_bytes())
    }

    fn value(found: &Dotenv, name: &str) -> String {
        found.variables[name].as_ref().unwrap().expose_secret().to_owned()
    }

    fn one(text: &str) -> String {
        let found = parse(text);
        assert_eq!((found.variables.len(), found.stray.len()), (1, 0), "{text:?}");
        value(&found, "A")
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
            ("A=#b", "#b"),
            ("A=#b #c", "#b"),
            ("A = #b", ""),
            ("A=##", "##"),
            ("A=#", "#"),
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
        let found = parse("A='1\n2'\nB=\"3\n4\"\n\nC=5\nexported=6");
        let mut names: Vec<_> = found.variables.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["A", "B", "C", "exported"]);
        assert_eq!(value(&found, "C"), "5");
        assert!(parse("").variables.is_empty());
    }

    #[test]
    fn an_invalid_line_concerns_its_variable_only() {
        for (bad, name, line) in [
            (&b"canary"[..], None, 2),
            (b"=canary", None, 2),
            (b"A canary=1", None, 2),
            (b"export A", None, 2),
            ("ä=canary".as_bytes(), None, 2),
            (b"canary\xff", None, 2),
            (b"X='canary", Some("X"), 2),
            (b"\n\nX=\"canary", Some("X"), 4),
            (b"X=\"canary\\", Some("X"), 2),
            (b"X=\"canary\\x\"", Some("X"), 2),
            (b"X='canary' canary", Some("X"), 2),
            (b"X=\"canary\"canary", Some("X"), 2),
            (b"X=canary\xff", Some("X"), 2),
            (b"X='1\n2canary\xff'", Some("X"), 3),
        ] {
            let content = [b"BEFORE=1\n", bad, b"\nAFTER=2\n"].concat();
            let found = super::parse(&content);
            assert_eq!(
                (value(&found, "BEFORE"), value(&found, "AFTER")),
                ("1".into(), "2".into()),
                "{bad:?}"
            );
            let invalid = match name {
                Some(name) => *found.variables[name].as_ref().unwrap_err(),
                None => found.stray[0],
            };
            assert_eq!(invalid.line, line, "{bad:?}: {invalid:?}");
            assert_eq!(found.invalid_lines(), [invalid], "{bad:?}");
            assert!(!format!("{invalid} {invalid:?}").contains("canary"), "{invalid:?}");
        }
    }

    #[test]
    fn the_last_assignment_wins_if_it_is_invalid_too() {
        assert!(parse("A=1\nA='2").variables["A"].is_err());
        assert_eq!(value(&parse("A='1\nA=2"), "A"), "2");
    }

    /// One pass, whatever the lines contain.
    #[test]
    fn a_file_of_invalid_lines_is_parsed_in_time() {
        let found = parse(&"x\n".repeat(500_000));
        assert_eq!((found.stray.len(), found.stray[499_999].line), (500_000, 500_000));
    }
}
