//! A service reflects a canary from the vault in every encoding, and nothing that leaves the connector contains it.

use axum::Router;
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cofferdam_vault::testkit::Log;
use http::{HeaderMap, Method, StatusCode, Uri};

use super::service::TestService;
use super::*;
use crate::connectors::scrub::REMOVED;

/// Has characters that each encoding changes.
const CANARY: &str = "canary/7f3a+Zq9'X=d&2!k";
const ENCODINGS: [&str; 15] = [
    "raw",
    "base64",
    "url64",
    "json",
    "unicode",
    "percent",
    "html",
    "hex",
    "double",
    "lines",
    "broken",
    "printable",
    "bytes",
    "colons",
    "wide",
];

fn encode(text: &str, encoding: &str) -> String {
    let units = || text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    let percent = || url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    match encoding {
        "raw" => text.into(),
        "base64" => STANDARD.encode(text),
        "url64" => URL_SAFE_NO_PAD.encode(format!("x{text}")),
        "json" => serde_json::to_string(text).unwrap().replace('/', "\\/"),
        "unicode" => units(),
        "percent" => percent(),
        "html" => text.replace('&', "&amp;").replace('\'', "&#39;"),
        "hex" => text.bytes().map(|byte| format!("{byte:02X}")).collect(),
        "lines" => lines(&STANDARD.encode(text), 60, "\r\n"),
        "broken" => lines(text, 7, "\n"),
        "printable" => {
            let written: Vec<String> = text.bytes().map(|byte| format!("={byte:02X}")).collect();
            written.chunks(25).map(<[String]>::concat).collect::<Vec<_>>().join("=\r\n")
        }
        "bytes" => json!({ "type": "Buffer", "data": text.as_bytes() }).to_string(),
        "colons" => text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"),
        "wide" => STANDARD.encode(text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()),
        "double" => {
            percent_encoding::utf8_percent_encode(&percent(), percent_encoding::NON_ALPHANUMERIC).to_string()
        }
        other => panic!("{other}"),
    }
}

/// `text` in lines of `width` characters.
fn lines(text: &str, width: usize, end: &str) -> String {
    let lines: Vec<&str> =
        text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join(end)
}

/// Reflects the request, in the status, type and encoding that its path names.
async fn reflect(method: Method, uri: Uri, headers: HeaderMap) -> (StatusCode, HeaderMap, Vec<u8>) {
    let parts: Vec<&str> = uri.path().split('/').collect();
    let [_, status, kind, encoding] = parts[..] else { panic!("{uri}") };
    let seen: Vec<&str> = headers.values().map(|value| value.to_str().unwrap()).collect();
    let request = format!("{method} {uri} {}", seen.join(" "));
    let encoded = encode(&request, encoding);
    let (kind, body) = match kind {
        // The bytes are values of the body.
        "json" if encoding == "bytes" => ("application/json", format!("{{\"message\":{encoded}}}")),
        // The escapes are those of JSON: the body is one JSON string.
        "json" if encoding == "unicode" => ("application/json", format!("{{\"message\":\"{encoded}\"}}")),
        "json" => ("application/json", json!({ "message": encoded, &encoded: [&encoded] }).to_string()),
        "text" => ("text/plain", encoded),
        other => panic!("{other}"),
    };
    let mut answer = HeaderMap::new();
    answer.insert("content-type", kind.parse().unwrap());
    answer
        .insert("link", format!("</x?page={}>; rel=\"next\"", encode(&request, "percent")).parse().unwrap());
    answer.insert("location", format!("http://127.0.0.1:1/{}", encode(&request, "percent")).parse().unwrap());
    (status.parse().unwrap(), answer, body.into_bytes())
}

/// Whether `text` contains the canary, or a part of it, in any encoding that the service used.
fn contains_canary(text: &str) -> bool {
    let lower = text.to_lowercase();
    let whole = ENCODINGS.iter().any(|encoding| lower.contains(&encode(CANARY, encoding).to_lowercase()));
    // Only an encoding that escapes every character changes the middle.
    let middle =
        ["raw", "hex", "printable", "colons"].map(|encoding| encode("7f3a", encoding).to_lowercase());
    let middle = middle.into_iter().chain(["55,102,51,97".into(), "55, 102, 51, 97".into()]);
    whole || middle.into_iter().any(|middle| lower.contains(&middle))
}

#[tokio::test]
async fn a_reflected_canary_is_found_nowhere() {
    let service = TestService::start(Router::new().fallback(any(reflect)));
    let (log, _guard) = Log::of_this_thread();
    let credentials = [
        (json!({ "kind": "bearer" }), json!({ "token": CANARY })),
        (json!({ "kind": "header", "headers": { "x-key": "k={token}" } }), json!({ "token": CANARY })),
        (json!({ "kind": "query", "params": { "key": "{token}" } }), json!({ "token": CANARY })),
        (json!({ "kind": "basic" }), json!({ "username": "someone", "password": CANARY })),
        // A field that begins like another one.
        (json!({ "kind": "basic" }), json!({ "username": "canary", "password": CANARY })),
    ];
    let mut reflected = 0;
    for (credential, secret) in &credentials {
        for status in ["200", "201", "302", "400", "401", "403", "429", "500"] {
            for kind in ["json", "text"] {
                for encoding in ENCODINGS {
                    let fixture = fixture(
                        &service.url(),
                        json!({
                            "http": { "page": { "style": "link-header" }, "errors": { "message": "message" } },
                            "credential": credential,
                            "secret": secret,
                            "request": { "method": "GET", "path": format!("/{status}/{kind}/{encoding}"), "query": ["page"] },
                            "properties": { "page": { "type": "string" } },
                        }),
                    );
                    let shown = match fixture.call().await {
                        Ok(answer) => format!("{} {answer:?}", answer.body),
                        Err(failure) => format!("{failure} {failure:?}"),
                    };
                    assert!(!contains_canary(&shown), "{credential} {status} {kind} {encoding}: {shown}");
                    reflected += usize::from(shown.contains(REMOVED));
                }
            }
        }
    }
    // A message may be cut before it. Every other reflection shows the replacement.
    assert!(reflected > 1_000, "only {reflected} answers contained a credential: the test proves little");
    let log = log.contents();
    assert!(
        log.contains("hyper") && log.contains("called"),
        "the log captured too little: {} bytes",
        log.len()
    );
    assert!(!contains_canary(&log), "the log contains the canary");
}

#[test]
fn the_search_finds_a_canary() {
    for encoding in ENCODINGS {
        let text = format!("before {} behind", encode(&format!("Bearer {CANARY}"), encoding));
        let found = contains_canary(&text);
        // Base64 at another offset has other characters, and a line break may be anywhere. The other test counts the
        // replacements for these cases.
        let in_base64 = ["base64", "url64", "lines", "wide"].contains(&encoding);
        assert!(found || in_base64 || encoding == "broken", "{encoding}");
    }
}
