//! The path of a request: `/repos/{owner}/{repo}/contents/{path*}`.
//!
//! An argument never leaves its place. Everything but letters, digits and `-._~` is percent-encoded, so a slash in
//! `{owner}` is no slash on the wire. That is not enough: `url` and many servers treat `.` and `..`, encoded or
//! not, as steps, and some decode twice. So a value in which any decoding shows such a step is refused, not encoded.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::CallFailure;
use super::check::{Checker, Place};
use super::encode::push_encoded;
use super::template::{Part, argument_text, fill_parts, invalid, parse_parts};

/// How often a value is decoded in search of steps. Servers that decode twice exist; one more is margin.
const DECODINGS: usize = 3;

/// The path of a request, with arguments in it.
#[derive(Debug)]
pub(super) struct PathTemplate(Vec<Segment>);

#[derive(Debug)]
enum Segment {
    /// One segment.
    One(Vec<Part>),
    /// `{path*}`: an argument that may hold slashes.
    Many(String),
}

impl PathTemplate {
    /// Reads a path; what is wrong goes to `checker`.
    pub(super) fn parse(text: &str, checker: &mut Checker<'_>) -> Self {
        let Some(rest) = text.strip_prefix('/') else {
            if !text.is_empty() {
                checker.finding("path", "does not start with `/`", "start it with `/`");
            }
            return Self(Vec::new());
        };
        let texts: Vec<&str> = rest.split('/').collect();
        let mut segments = Vec::new();
        for (i, segment) in texts.iter().enumerate() {
            if segment.is_empty() && i + 1 == texts.len() {
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
            checker.uses("path", name, Place::Inside);
            return Some(Segment::Many(name.to_owned()));
        }
        let parts = match parse_parts(text) {
            Ok(parts) => parts,
            Err(why) => {
                checker.finding("path", why, "write `{argument}`");
                return None;
            }
        };
        for part in &parts {
            match part {
                Part::Argument(name) if name.ends_with('*') => checker.finding(
                    "path",
                    format!("`{{{name}}}` is not a segment of its own"),
                    "give an argument that may hold slashes a segment to itself",
                ),
                Part::Argument(name) => checker.uses("path", name, Place::Inside),
                Part::Literal(literal) if !literal.bytes().all(is_plain) => checker.finding(
                    "path",
                    format!("`{literal}` holds a character that a path's own text cannot hold"),
                    "use letters, digits and `-._~!$&'()*+,;=:@`; constants of the query belong into `query`",
                ),
                Part::Literal(_) => {}
            }
        }
        let literal: Option<String> = parts
            .iter()
            .map(|p| if let Part::Literal(text) = p { Some(text.as_str()) } else { None })
            .collect();
        if literal.is_some_and(|literal| matches!(literal.as_str(), "" | "." | "..")) {
            checker.finding(
                "path",
                format!("has the segment `{text}`, which is empty or a step"),
                "write the path without it",
            );
        }
        Some(Segment::One(parts))
    }

    /// The encoded path, from its first slash on; empty where the template is.
    ///
    /// # Errors
    ///
    /// An argument that cannot be part of a path.
    pub(super) fn fill(&self, arguments: &Map<String, Value>) -> Result<String, CallFailure> {
        let mut path = String::new();
        for segment in &self.0 {
            match segment {
                Segment::One(parts) => {
                    for name in parts.iter().filter_map(Part::argument) {
                        refuse_bad(name, &argument_text(name, arguments)?)?;
                    }
                    path.push('/');
                    push_segment(&mut path, parts, arguments)?;
                }
                Segment::Many(name) => {
                    for piece in argument_text(name, arguments)?.split('/') {
                        refuse_bad(name, piece)?;
                        path.push('/');
                        push_encoded(&mut path, piece);
                    }
                }
            }
        }
        Ok(path)
    }
}

/// Encodes the arguments and leaves the path's own text as it is; refuses what became a step only together.
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
        refuse_bad(name, &fill_parts(parts, arguments)?)?;
    }
    Ok(())
}

/// Refuses what is empty, holds control characters, or is or hides a step.
fn refuse_bad(name: &str, text: &str) -> Result<(), CallFailure> {
    if text.is_empty() {
        return Err(invalid(name, "is empty, or holds an empty part, where a path needs a name"));
    }
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=DECODINGS {
        if bytes.iter().any(u8::is_ascii_control) {
            return Err(invalid(name, "holds a control character, which a path cannot hold"));
        }
        if bytes.split(|byte| matches!(byte, b'/' | b'\\')).any(is_step) {
            return Err(invalid(name, "holds `.` or `..` as a part of a path; give the name itself"));
        }
        let decoded: Vec<u8> = percent_decode_str(&String::from_utf8_lossy(&bytes)).collect();
        if decoded == bytes {
            break;
        }
        bytes = decoded;
    }
    Ok(())
}

/// `.` or `..`, also with what some servers cut off behind a `;`.
fn is_step(piece: &[u8]) -> bool {
    let name = piece.split(|&byte| byte == b';').next().unwrap_or_default();
    matches!(name, b"." | b"..")
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::request::DeclaredArgument;
    use super::*;

    fn template(text: &str) -> (PathTemplate, Vec<String>) {
        let declared: Vec<DeclaredArgument<'_>> = ["owner", "path"]
            .into_iter()
            .filter(|name| text.contains(name))
            .map(|name| DeclaredArgument { name, required: true })
            .collect();
        let mut checker = Checker::new(&declared);
        let path = PathTemplate::parse(text, &mut checker);
        (path, checker.finish().into_iter().map(|finding| finding.message).collect())
    }

    fn fill(text: &str, arguments: Value) -> Result<String, CallFailure> {
        let (path, findings) = template(text);
        assert_eq!(findings, Vec::<String>::new());
        path.fill(arguments.as_object().unwrap())
    }

    #[test]
    fn arguments_are_encoded_within_their_segment() {
        let path = fill("/r/{owner}/c/{path*}", json!({ "owner": "a/b?c#d e%", "path": "x/y z/é" })).unwrap();
        assert_eq!(path, "/r/a%2Fb%3Fc%23d%20e%25/c/x/y%20z/%C3%A9");
    }

    #[test]
    fn numbers_and_text_around_an_argument_are_kept() {
        assert_eq!(fill("/v1/{owner}:run", json!({ "owner": 7 })).unwrap(), "/v1/7:run");
        assert_eq!(fill("/list/", json!({})).unwrap(), "/list/");
        assert_eq!(fill("", json!({})).unwrap(), "");
    }

    #[test]
    fn a_step_is_refused_however_it_is_written() {
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
            let refused = fill("/r/{owner}", json!({ "owner": bad }));
            assert!(matches!(refused, Err(CallFailure::InvalidArguments { .. })), "{bad:?} was taken");
            let refused = fill("/r/{path*}", json!({ "path": format!("a/{bad}/b") }));
            assert!(
                matches!(refused, Err(CallFailure::InvalidArguments { .. })),
                "{bad:?} was taken in many"
            );
        }
        for bad in ["/a", "a/", "a//b"] {
            assert!(fill("/r/{path*}", json!({ "path": bad })).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn text_and_argument_do_not_become_a_step_together() {
        assert!(fill("/r/.{owner}", json!({ "owner": "." })).is_err());
        assert_eq!(fill("/r/.{owner}", json!({ "owner": "x" })).unwrap(), "/r/.x");
    }

    #[test]
    fn dots_inside_a_name_are_fine() {
        assert_eq!(fill("/r/{owner}", json!({ "owner": "v1..2.x" })).unwrap(), "/r/v1..2.x");
        assert_eq!(fill("/r/{owner}", json!({ "owner": "100%" })).unwrap(), "/r/100%25");
    }

    #[test]
    fn what_is_no_text_is_refused_without_its_value() {
        let Err(failure) = fill("/r/{owner}", json!({ "owner": { "deep": "value" } })) else {
            panic!("an object was taken")
        };
        assert!(!failure.to_string().contains("deep"), "{failure}");
    }

    #[test]
    fn a_bad_template_is_a_finding() {
        for bad in ["r", "/a//b", "/../x", "/a/./b", "/a?b=c", "/a#b", "/a%2e", "/a b", "/x{path*}", "/{"] {
            assert!(!template(bad).1.is_empty(), "{bad:?} was taken");
        }
    }
}
