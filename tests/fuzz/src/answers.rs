//! What a service returns: bodies, and links to further pages.

use arbitrary::Unstructured;
use serde_json::{Map, Value, json};

use crate::app::{SECRET, app};

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

/// No answer contains the credential, and a JSON document reaches the model as it is.
pub fn answer(data: &[u8]) {
    let mut choices = Unstructured::new(data);
    let status = *choices.choose(&STATUSES).unwrap_or(&STATUSES[0]);
    let content_type = *choices.choose(&TYPES).unwrap_or(&TYPES[0]);
    let tool = if choices.arbitrary().unwrap_or_default() { "select" } else { "get" };
    let at = usize::from(choices.arbitrary::<u8>().unwrap_or_default());
    let mut body = choices.take_rest().to_vec();
    let echoes = at % 2 == 0;
    if echoes {
        body.splice(at.min(body.len())..at.min(body.len()), SECRET.bytes());
    }
    let result = app().call(tool, Map::new(), response(status, &[("content-type", content_type)], &body));
    let shown = match &result {
        Ok(answer) => answer.text().to_owned(),
        Err(error) => serde_json::to_string(error).unwrap() + &error.message,
    };
    assert!(!shown.contains(SECRET), "{shown}");
    if let (Ok(answer), Ok(sent), "get", false) =
        (&result, serde_json::from_slice::<Value>(&body), tool, echoes)
        && status.starts_with("20")
        && content_type.contains("/json")
        && !shown.contains("[credential removed]")
    {
        assert_eq!(answer.value()["result"].to_string(), sent.to_string());
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
    let Ok(answer) = app().call("list", arguments, response("200 OK", &headers, b"[1, 2]")) else { return };
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

fn response(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut response =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        response.push_str(&format!("{name}: {value}\r\n"));
    }
    response.push_str("\r\n");
    [response.as_bytes(), body].concat()
}
