//! What the `Content-Type` of a body says.

use encoding_rs::{Encoding, UTF_8};
use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// A `Content-Type`. Without the header everything is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ContentType {
    essence: String,
    charset: Option<&'static Encoding>,
}

/// What a body is declared to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentKind {
    /// Nothing is declared.
    Undeclared,
    Json,
    Html,
    /// Any other text.
    Text,
    Other,
}

impl ContentType {
    pub(super) fn from_headers(headers: &HeaderMap) -> Self {
        let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut parts = value.split(';');
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let charset = parts.find_map(|parameter| {
            let (name, label) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| label.trim().trim_matches(['"', '\'']))
        });
        let charset = charset.and_then(|label| Encoding::for_label_no_replacement(label.as_bytes()));
        Self { essence, charset }
    }

    /// The media type in lower case, without parameters. Empty if nothing is declared.
    pub(super) fn essence(&self) -> &str {
        &self.essence
    }

    /// The declared charset, if it is known and not UTF-8, which is the default.
    pub(super) fn charset(&self) -> Option<&'static Encoding> {
        self.charset.filter(|charset| *charset != UTF_8)
    }

    pub(super) fn kind(&self) -> ContentKind {
        match self.essence.as_str() {
            "" => ContentKind::Undeclared,
            "application/json" | "text/json" => ContentKind::Json,
            suffix if suffix.ends_with("+json") => ContentKind::Json,
            "text/html" | "application/xhtml+xml" => ContentKind::Html,
            text if text.starts_with("text/") => ContentKind::Text,
            _ => ContentKind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{UTF_16LE, WINDOWS_1252};

    use super::*;

    fn declared(value: &str) -> ContentType {
        ContentType::from_headers(&HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]))
    }

    #[test]
    fn kind_and_charset_are_read_in_any_case_and_quoting() {
        for (value, kind, charset) in [
            ("application/json", ContentKind::Json, None),
            ("Application/Vnd.X+JSON ; charset=utf-8", ContentKind::Json, None),
            ("text/json;Charset=\"ISO-8859-1\"", ContentKind::Json, Some(WINDOWS_1252)),
            ("TEXT/HTML; q=1; charset=UTF-16", ContentKind::Html, Some(UTF_16LE)),
            ("text/plain; charset=klingon", ContentKind::Text, None),
            ("image/png", ContentKind::Other, None),
        ] {
            let found = declared(value);
            assert_eq!((found.kind(), found.charset()), (kind, charset), "{value}");
        }
        assert_eq!(ContentType::from_headers(&HeaderMap::new()).kind(), ContentKind::Undeclared);
    }
}
