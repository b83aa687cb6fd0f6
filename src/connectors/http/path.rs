//! The path of a request: `/repos/{owner}/{repo}/contents/{path*}`.
//!
//! An argument never changes another segment. Everything but letters, digits and `-._~` is percent-encoded, so a
//! slash in `{owner}` does not separate segments. That is not enough: the `url` crate and many servers resolve the dot
//! segments `.` and `..`, encoded or not, and some servers decode twice. A value that decodes to a dot segment is
//! refused.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::arguments::{Checker, Position};
use super::encode::push_encoded;
use super::template::{Part, argument_text, invalid, parse_parts, render_parts};
use crate::connectors::failure::CallFailure;

/// How many times a value is decoded in search of dot segments. Some servers decode twice; one more is margin.
const DECODINGS: usize = 3;

/// The path of a request, with placeholders.
#[derive(Debug)]
pub(super) struct PathTemplate(Vec<Segment>);

#[derive(Debug)]
enum Segment {
    /// One segment.
    One(Vec<Part>),
    /// `{path*}`: an argument that may contain slashes, and one at either end that means nothing.
    Many(String),
}

impl PathTemplate {
    /// Parses a path. Problems are reported to `checker`.
    pub(super) fn parse(text: &str, checker: &mut Checker<'_>) -> Self {
        let Some(rest) = text.strip_prefix('/') else {
            if !text.is_empty() {
                checker.error("path", "does not start with `/`", "start it with `/`");
            }
            return Self(Vec::new());
        };
        let pieces: Vec<&str> = rest.split('/').collect();
        let mut segments = Vec::new();
        for (i, segment) in pieces.iter().enumerate() {
            if segment.is_empty() && i + 1 == pieces.len() {
                segments.push(Segment::One(Vec::new()));
            } else {
                segments.extend(Self::parse_segment(segment, checker));
            }
        }
        Self(segments)
    }

    fn parse_segment(text: &str, checker: &mut Checker<'_>) -> Option<Segment> {
        if let Some(name) = text.strip_prefix('{').and_then(|text| text.strip_suffix("*}"))
            && !name.is_empty()
            && !name.contains(['{', '}'])
        {
            checker.uses("path", name, Position::Embedded);
            return Some(Segment::Many(name.to_owned()));
        }
        let parts = match parse_parts(text) {
            Ok(parts) => parts,
            Err(why) => {
                checker.error("path", why, "write `{argument}`");
                return None;
            }
        };
        for part in &parts {
            match part {
                Part::Argument(name) if name.ends_with('*') => checker.error(
                    "path",
                    "has a `{NAME*}` that is not a whole segment",
                    "give an argument that may contain slashes its own segment",
                ),
                Part::Argument(name) => checker.uses("path", name, Position::Embedded),
                Part::Literal(literal) if !literal.bytes().all(is_plain) => checker.error(
                    "path",
                    "contains a character that is not allowed in a path",
                    "use letters, digits and `-._~!$&'()*+,;=:@`; put constant query parameters into `query`",
                ),
                Part::Literal(_) => {}
            }
        }
        let literal: Option<String> = parts
            .iter()
            .map(|p| if let Part::Literal(text) = p { Some(text.as_str()) } else { None })
            .collect();
        if literal.is_some_and(|literal| matches!(literal.as_str(), "" | "." | "..")) {
            checker.error(
                "path",
                "has an empty segment, or one that is `.` or `..`",
                "write the path without it",
            );
        }
        Some(Segment::One(parts))
    }

    /// The encoded path, from its first slash on. Empty if the template is. `reads` says whether the request only reads.
    ///
    /// # Errors
    ///
    /// If an argument cannot be part of a path.
    pub(super) fn render(&self, arguments: &Map<String, Value>, reads: bool) -> Result<String, CallFailure> {
        let mut path = String::new();
        for (index, segment) in self.0.iter().enumerate() {
            let last = index + 1 == self.0.len();
            match segment {
                Segment::One(parts) => {
                    for name in parts.iter().filter_map(Part::argument) {
                        check_segment(name, &argument_text(name, arguments)?)?;
                    }
                    path.push('/');
                    push_segment(&mut path, parts, arguments)?;
                }
                Segment::Many(name) => {
                    let text = argument_text(name, arguments)?;
                    // The folder above all paths. A write to it would concern everything in it.
                    if text == "/" && reads && last {
                        continue;
                    }
                    for piece in without_outer_slashes(&text).split('/') {
                        if piece.is_empty() && text.contains('/') {
                            return Err(invalid(name, slashes(&text)));
                        }
                        check_segment(name, piece)?;
                        path.push('/');
                        push_encoded(&mut path, piece);
                    }
                }
            }
        }
        Ok(path)
    }
}

/// Appends a segment with its arguments encoded. Refuses a segment that is a dot segment only as a whole.
fn push_segment(
    path: &mut String,
    parts: &[Part],
    arguments: &Map<String, Value>,
) -> Result<(), CallFailure> {
    for part in parts {
        match part {
            Part::Literal(literal) => path.push_str(literal),
            Part::Argument(name) => push_encoded(path, &argument_text(name, arguments)?),
        }
    }
    if let Some(name) = parts.iter().find_map(Part::argument) {
        check_segment(name, &render_parts(parts, arguments)?)?;
    }
    Ok(())
}

/// `text` without one slash at either end: `/src/` is the path `src`.
fn without_outer_slashes(text: &str) -> &str {
    let text = text.strip_prefix('/').unwrap_or(text);
    text.strip_suffix('/').unwrap_or(text)
}

/// What is wrong with the slashes of a path that has an empty segment.
fn slashes(path: &str) -> &'static str {
    match path {
        "/" => "must name something: `/` alone is the folder above all paths, which this tool does not take",
        _ => "must not contain two slashes in a row, because an empty name is not a part of a path",
    }
}

/// Refuses what is empty, contains control characters, or decodes to a dot segment.
fn check_segment(name: &str, text: &str) -> Result<(), CallFailure> {
    if text.is_empty() {
        return Err(invalid(
            name,
            "must not be empty or contain an empty segment, because it is part of a path",
        ));
    }
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=DECODINGS {
        if bytes.iter().any(u8::is_ascii_control) {
            return Err(invalid(name, "must not contain a control character, because it is part of a path"));
        }
        if bytes.split(|byte| matches!(byte, b'/' | b'\\')).any(is_dot_segment) {
            return Err(invalid(name, "must not contain the path segment `.` or `..`; send the name itself"));
        }
        let decoded: Vec<u8> = percent_decode_str(&String::from_utf8_lossy(&bytes)).collect();
        if decoded == bytes {
            break;
        }
        bytes = decoded;
    }
    Ok(())
}

/// Whether `piece` is `.` or `..`, also if followed by `;` and parameters, which some servers cut off.
fn is_dot_segment(piece: &[u8]) -> bool {
    let name = piece.split(|&byte| byte == b';').next().unwrap_or_default();
    matches!(name, b"." | b"..")
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::arguments::DeclaredArgument;
    use super::*;

    fn template(text: &str) -> (PathTemplate, Vec<String>) {
        let declared: Vec<DeclaredArgument<'_>> = ["owner", "path"]
            .into_iter()
            .filter(|name| text.contains(name))
            .map(|name| DeclaredArgument { name, required: true })
            .collect();
        let mut checker = Checker::new(&declared);
        let path = PathTemplate::parse(text, &mut checker);
        (path, checker.finish().into_iter().map(|diagnostic| diagnostic.message.to_string()).collect())
    }

    fn render(text: &str, arguments: Value) -> Result<String, CallFailure> {
        let (path, problems) = template(text);
        assert_eq!(problems, Vec::<String>::new());
        path.render(arguments.as_object().unwrap(), true)
    }

    #[test]
    fn arguments_are_encoded_within_their_segment() {
        let path =
            render("/r/{owner}/c/{path*}", json!({ "owner": "a/b?c#d e%", "path": "x/y z/é" })).unwrap();
        assert_eq!(path, "/r/a%2Fb%3Fc%23d%20e%25/c/x/y%20z/%C3%A9");
    }

    #[test]
    fn numbers_and_text_around_an_argument_are_kept() {
        assert_eq!(render("/v1/{owner}:run", json!({ "owner": 7 })).unwrap(), "/v1/7:run");
        assert_eq!(render("/list/", json!({})).unwrap(), "/list/");
        assert_eq!(render("", json!({})).unwrap(), "");
    }

    #[test]
    fn a_dot_segment_is_refused_in_every_encoding() {
        for bad in [
            ".",
            "..",
            "%2e%2e",
            "%2E",
            ".%2e",
            "%252e%252e",
            "%25252e.",
            "..%2fx",
            "a%2f..",
            "a\\..\\b",
            "..;x",
            "a/../b",
            "%2e%2e%5cx",
            "..%00",
            "a\nb",
            "",
            "x%0d%0ay",
        ] {
            let refused = render("/r/{owner}", json!({ "owner": bad }));
            assert!(matches!(refused, Err(CallFailure::InvalidArguments { .. })), "{bad:?} was accepted");
            let refused = render("/r/{path*}", json!({ "path": format!("a/{bad}/b") }));
            assert!(
                matches!(refused, Err(CallFailure::InvalidArguments { .. })),
                "{bad:?} was accepted in many"
            );
        }
    }

    #[test]
    fn one_slash_at_either_end_of_a_path_means_nothing() {
        for (path, rendered) in [("/a", "/r/a"), ("a/", "/r/a"), ("/a/b/", "/r/a/b"), ("/", "/r")] {
            assert_eq!(render("/r/{path*}", json!({ "path": path })).unwrap(), rendered, "{path:?}");
        }
        for bad in ["a//b", "//a", "a//", "//", "///"] {
            let refused = render("/r/{path*}", json!({ "path": bad })).unwrap_err();
            assert!(refused.to_string().contains("two slashes"), "{bad:?}: {refused}");
        }
        assert_eq!(render("/r/{owner}", json!({ "owner": "/a/" })).unwrap(), "/r/%2Fa%2F");
    }

    #[test]
    fn a_write_to_the_folder_above_all_paths_is_refused() {
        let (path, _) = template("/r/{path*}");
        let render = |text: &str| path.render(json!({ "path": text }).as_object().unwrap(), false);
        assert_eq!(render("/a/").unwrap(), "/r/a");
        let refused = render("/").unwrap_err();
        assert!(refused.to_string().contains("`/` alone"), "{refused}");
        let (path, _) = template("/r/{path*}/x");
        assert!(path.render(json!({ "path": "/" }).as_object().unwrap(), true).is_err());
    }

    #[test]
    fn text_and_argument_do_not_form_a_dot_segment_together() {
        assert!(render("/r/.{owner}", json!({ "owner": "." })).is_err());
        assert_eq!(render("/r/.{owner}", json!({ "owner": "x" })).unwrap(), "/r/.x");
    }

    #[test]
    fn dots_inside_a_name_are_allowed() {
        assert_eq!(render("/r/{owner}", json!({ "owner": "v1..2.x" })).unwrap(), "/r/v1..2.x");
        assert_eq!(render("/r/{owner}", json!({ "owner": "100%" })).unwrap(), "/r/100%25");
    }

    #[test]
    fn a_value_that_is_not_scalar_is_refused_without_its_value() {
        let Err(failure) = render("/r/{owner}", json!({ "owner": { "deep": "value" } })) else {
            panic!("an object was accepted")
        };
        assert!(!failure.to_string().contains("deep"), "{failure}");
    }

    #[test]
    fn a_bad_template_is_reported() {
        for bad in ["r", "/a//b", "/../x", "/a/./b", "/a?b=c", "/a#b", "/a%2e", "/a b", "/x{path*}", "/{"] {
            assert!(!template(bad).1.is_empty(), "{bad:?} was accepted");
        }
    }
}
