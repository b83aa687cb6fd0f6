//! What a service returns: bodies, how they arrive, and links to further pages.

use std::io::Write as _;

use arbitrary::Unstructured;
use cofferdam::calls::{CallAnswer, CallError, Outcome};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use crate::app::{SECRET, app};
use crate::scrubber::{Notation, contains};

const STATUSES: [&str; 8] =
    ["200 OK", "201 Created", "404 Not Found", "409 Conflict", "422 X", "429 X", "500 X", "503 X"];

const TYPES: [&str; 8] = [
    "application/json",
    "application/json; charset=utf-8",
    "application/problem+json",
    "text/plain",
    "text/html; charset=iso-8859-1",
    "text/plain; charset=utf-16",
    "image/png",
    "",
];

/// How a body arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    Whole,
    /// It ends with the connection.
    UntilClosed,
    Chunked,
    Gzip,
    GzipMembers,
    CutOff,
    ChunkedCutOff,
    GzipCutOff,
}

impl Delivery {
    const ALL: [Self; 8] = [
        Self::Whole,
        Self::UntilClosed,
        Self::Chunked,
        Self::Gzip,
        Self::GzipMembers,
        Self::CutOff,
        Self::ChunkedCutOff,
        Self::GzipCutOff,
    ];

    fn is_complete(self) -> bool {
        !matches!(self, Self::CutOff | Self::ChunkedCutOff | Self::GzipCutOff)
    }

    /// The response with this body.
    fn response(self, status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let (first, second) = body.split_at(body.len() / 2);
        let length = |body: &[u8]| format!("content-length: {}\r\n", body.len());
        let coded = |body: &[u8]| length(body) + "content-encoding: gzip\r\n";
        let chunk = |part: &[u8]| match part.len() {
            0 => Vec::new(),
            length => [format!("{length:x}\r\n").as_bytes(), part, b"\r\n"].concat(),
        };
        let chunks = [chunk(first), chunk(second)].concat();
        let chunked = "transfer-encoding: chunked\r\n".to_owned();
        let (framing, sent) = match self {
            Self::Whole => (length(body), body.to_vec()),
            Self::UntilClosed => (String::new(), body.to_vec()),
            Self::Chunked => (chunked, [&*chunks, b"0\r\n\r\n"].concat()),
            Self::Gzip => (coded(&gzip(body)), gzip(body)),
            Self::GzipMembers => {
                let members = [gzip(first), gzip(second)].concat();
                (coded(&members), members)
            }
            Self::CutOff => (length(&[body, b"more"].concat()), body.to_vec()),
            Self::ChunkedCutOff => (chunked, chunks),
            Self::GzipCutOff => {
                let coded_body = gzip(body);
                // Not before the first byte: without any, it is an empty body.
                let cut = &coded_body[..1 + body.len() % (coded_body.len() - 1)];
                (coded(cut), cut.to_vec())
            }
        };
        let mut head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n{framing}");
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        [head.as_bytes(), b"\r\n", &sent].concat()
    }
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// No answer contains the credential in any notation; only a success is an answer, and only a complete one; a JSON document
/// reaches the model as it is, or as the tool selects from it.
pub fn answer(data: &[u8]) {
    let mut choices = Unstructured::new(data);
    let status = *choices.choose(&STATUSES).unwrap_or(&STATUSES[0]);
    let content_type = *choices.choose(&TYPES).unwrap_or(&TYPES[0]);
    let tool = if choices.arbitrary().unwrap_or_default() { "select" } else { "get" };
    let at = usize::from(choices.arbitrary::<u8>().unwrap_or_default());
    let delivery = *choices.choose(&Delivery::ALL).unwrap_or(&Delivery::Whole);
    let notation = *choices.choose(&Notation::ALL).unwrap_or(&Notation::Plain);
    let mut body = choices.take_rest().to_vec();
    let echoes = at % 2 == 0;
    if echoes {
        let at = at.min(body.len());
        body.splice(at..at, notation.write(SECRET.as_bytes()));
    }
    let response = delivery.response(status, &[("content-type", content_type)], &body);
    let result = app().call(tool, Map::new(), response);
    let shown = match &result {
        Ok(answer) => answer.text().to_owned(),
        Err(error) => serde_json::to_string(error).unwrap() + &error.message,
    };
    assert!(!contains(shown.as_bytes(), SECRET), "{notation:?}, {delivery:?}: {shown}");
    let success = status.starts_with("20");
    assert!(success && delivery.is_complete() || result.is_err(), "{status}, {delivery:?}: {shown}");
    if let Err(error) = &result {
        assert_eq!(error.outcome, Outcome::Rejected, "a tool that only reads has changed nothing: {shown}");
    }
    let document = serde_json::from_slice::<Value>(&body).ok();
    if let Some(document) = document.filter(|_| success && !echoes && content_type.contains("/json"))
        && !shown.contains("[credential removed]")
    {
        check_document(&document, tool, &result);
    }
}

/// Checks the answer to a JSON document of which nothing was removed.
fn check_document(document: &Value, tool: &str, result: &Result<CallAnswer, CallError>) {
    // Too large, too deep, or cut off.
    let Ok(answer) = result else { return };
    let has = |field: &str| document.get(field).is_some();
    let (expected, noted) = match tool {
        "select" if has("number") || has("title") => {
            (json!({ "number": document["number"], "title": document["title"] }), false)
        }
        "select" if document.is_null() => (Value::Null, false),
        "select" => (document.clone(), true),
        _ => (document.clone(), false),
    };
    let (text, value) = (serde_json::from_str::<Value>(answer.text()).unwrap(), answer.value());
    for shown in [&text, value] {
        assert_eq!(shown["result"].to_string(), expected.to_string());
        assert_eq!(shown.get("note").is_some(), noted, "{shown}");
    }
}

/// What follows a page is another page that the tool accepts. An ordinary link is followed, whatever else the header says.
pub fn page(data: &[u8]) {
    let mut choices = Unstructured::new(data);
    let number = choices.arbitrary::<u32>().unwrap_or_default();
    let ordinary = choices.arbitrary().unwrap_or_default();
    let header: String = choices.take_rest().iter().map(|&byte| visible(byte)).collect();
    let sent = json!({ "page": 1, "per_page": 2 });
    let link = format!("</list?per_page=2&page={number}>; rel=\"next\"");
    let headers =
        if ordinary { [("link", link.as_str()), ("link", &header)] } else { [("link", header.as_str()); 2] };
    let arguments = sent.as_object().unwrap().clone();
    let response = Delivery::Whole.response("200 OK", &headers, b"[1, 2]");
    let answer = app().call("list", arguments, response).expect("a page");
    assert_eq!(answer.value()["result"], json!([1, 2]));
    let next = answer.value().get("next");
    if let Some(next) = next {
        assert_ne!(*next, sent, "the next page is this one");
        assert!(!next.to_string().contains(SECRET));
        let module =
            app().calls.registry().module(&cofferdam::caller::Caller::local(), "svc").unwrap().clone();
        let tool = module.tool("list").unwrap();
        assert_eq!(tool.check(next.as_object().unwrap()), Ok(()), "{next}");
    }
    if ordinary && number > 1 {
        assert_eq!(next.map(|next| &next["page"]), Some(&json!(number)), "{header}");
    }
}

/// A byte that a header may contain.
fn visible(byte: u8) -> char {
    if byte == b'\t' || (b' '..0x7f).contains(&byte) { char::from(byte) } else { ',' }
}
