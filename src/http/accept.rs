//! The `Accept` header of a request.

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue};

/// What rmcp demands.
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// Writes the header as rmcp demands it, if the client accepts JSON, as which every response is sent. rmcp wants both
/// media types by name, and knows neither wildcards nor a request without the header (RFC 9110, 12.5.1).
///
/// Returns whether the client accepts JSON.
pub(super) fn normalize(headers: &mut HeaderMap) -> bool {
    let accepted = accepts_json(headers);
    if accepted {
        headers.insert(ACCEPT, BOTH);
    }
    accepted
}

/// Whether the client accepts `application/json`. The most specific range that covers it decides.
fn accepts_json(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<(u8, bool)> = values.flat_map(|value| value.split(',')).filter_map(range).collect();
    let named = headers.get_all(ACCEPT).iter().any(|value| !value.as_bytes().trim_ascii().is_empty());
    !named || ranges.iter().max_by_key(|(specificity, _)| *specificity).is_some_and(|(_, accepted)| *accepted)
}

/// How specific a range is that covers `application/json`, and whether its weight is above zero.
fn range(text: &str) -> Option<(u8, bool)> {
    let mut parts = text.split(';').map(str::trim);
    let specificity = match parts.next()?.to_ascii_lowercase().as_str() {
        "application/json" => 2,
        "application/*" => 1,
        "*/*" | "*" => 0,
        _ => return None,
    };
    let weight =
        parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    let refused =
        weight.is_some_and(|(_, weight)| weight.trim().parse().is_ok_and(|weight: f32| weight <= 0.0));
    Some((specificity, !refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(values: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(ACCEPT, HeaderValue::from_str(value).unwrap());
        }
        let accepted = normalize(&mut headers);
        assert_eq!(accepted, headers.get_all(ACCEPT).iter().eq([&BOTH]));
        headers.get_all(ACCEPT).iter().eq([&BOTH])
    }

    #[test]
    fn whoever_accepts_json_is_served() {
        for values in [
            &[][..],
            &[""],
            &["*/*"],
            &["*"],
            &["application/json"],
            &["Application/JSON;q=0.1"],
            &["application/*, text/event-stream"],
            &["application/json, text/*"],
            &["text/event-stream", "application/json; charset=utf-8"],
            &["text/html, */*;q=0.8"],
            &["*/*;q=0, application/json"],
            &["application/json;q=x"],
        ] {
            assert!(normalized(values), "{values:?}");
        }
    }

    #[test]
    fn whoever_refuses_json_is_not() {
        for values in [
            &["text/html"][..],
            &["text/event-stream"],
            &["text/*"],
            &["application/json;q=0"],
            &["*/*, application/json;q=0.000"],
            &["*/*;q=0"],
            &["application/jsonl"],
        ] {
            assert!(!normalized(values), "{values:?}");
        }
    }
}
