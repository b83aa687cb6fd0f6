//! The forms in which a credential may come back.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

/// What RFC 3986 leaves as it is.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What JavaScript's `encodeURIComponent` leaves as it is.
const COMPONENT: &AsciiSet = &STRICT.remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')');
/// What a form leaves as it is; a space becomes `+`.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');
/// What Python's `quote` leaves as it is.
const QUOTE: &AsciiSet = &STRICT.remove(b'/');
/// What a URL's query leaves as it is.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\'');
/// What a URL's path leaves as it is.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'}');
/// What a URL's user name and password leave as they are.
const USERINFO: &AsciiSet =
    &PATH.add(b'/').add(b':').add(b';').add(b'=').add(b'@').add(b'[').add(b'\\').add(b']').add(b'|');

/// One form of a credential.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Form {
    text: Zeroizing<String>,
    /// Whether the character before, and the one behind, holds some of the credential's bits: base64 of a
    /// credential inside a longer text.
    edges: (bool, bool),
}

impl Form {
    fn plain(text: String) -> Self {
        Self { text: Zeroizing::new(text), edges: (false, false) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// `range` with the characters at its edges that hold some of the credential's bits.
    pub(super) fn widen(&self, range: Range<usize>, bytes: &[u8]) -> Range<usize> {
        let digit = |i: usize| bytes.get(i).is_some_and(|b| b.is_ascii_alphanumeric() || b"+/-_".contains(b));
        let Range { mut start, mut end } = range;
        if self.edges.0 && start > 0 && digit(start - 1) {
            start -= 1;
        }
        if self.edges.1 && digit(end) {
            end += 1;
        }
        start..end
    }

    /// Where this form stands in `bytes`, found without an automaton.
    pub(super) fn find_in(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let length = self.text.len().max(1);
        bytes
            .windows(length)
            .enumerate()
            .filter(|(_, window)| window.eq_ignore_ascii_case(self.text.as_bytes()))
            .map(|(start, _)| self.widen(start..start + length, bytes))
            .collect()
    }
}

/// Adds every form of `secret`; many are equal where it holds letters and digits alone.
pub(super) fn push_all(secret: &str, forms: &mut Vec<Form>) {
    let mut plain = |text: String| forms.push(Form::plain(text));
    plain(secret.to_owned());
    plain(hex(secret, ""));
    for set in [NON_ALPHANUMERIC, STRICT, COMPONENT, QUOTE, QUERY, PATH, USERINFO] {
        plain(percent(secret, set));
    }
    for set in [FORM, STRICT] {
        plain(percent(secret, set).replace("%20", "+"));
    }
    plain(hex(secret, "%"));
    plain(hex(secret, "\\x"));
    plain(percent(&Zeroizing::new(percent(secret, STRICT)), STRICT));
    for escaped in json(secret) {
        plain(escaped);
    }
    for escaped in html(secret) {
        plain(escaped);
    }
    for offset in 0..3 {
        push_base64(secret, offset, forms);
    }
}

/// Base64 of `secret` behind `offset` other bytes: the characters that depend on nothing else.
fn push_base64(secret: &str, offset: usize, forms: &mut Vec<Form>) {
    let mut behind = Zeroizing::new(vec![0; offset]);
    behind.extend_from_slice(secret.as_bytes());
    let first = (offset * 8).div_ceil(6);
    let last = behind.len() * 8 / 6;
    let edges = (offset > 0, behind.len() % 3 > 0);
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        let encoded = Zeroizing::new(engine.encode(behind.as_slice()));
        let stable = encoded.get(first..last).unwrap_or_default();
        for text in [stable.to_owned(), stable.replace('/', "\\/"), percent(stable, STRICT)] {
            forms.push(Form { text: Zeroizing::new(text), edges });
        }
    }
}

fn percent(text: &str, set: &'static AsciiSet) -> String {
    utf8_percent_encode(text, set).to_string()
}

fn hex(text: &str, before_each: &str) -> String {
    text.bytes().map(|byte| format!("{before_each}{byte:02x}")).collect()
}

/// The inside of a JSON string: as short as may be, with `\/`, with everything beyond ASCII escaped, with what HTML
/// minds escaped, and with everything escaped.
fn json(text: &str) -> [String; 6] {
    let escape = |escaped: fn(char) -> bool, slash: &str| {
        let mut out = String::new();
        for c in text.chars() {
            match c {
                '/' if !slash.is_empty() => out.push_str(slash),
                _ if escaped(c) => push_units(&mut out, c),
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if c.is_ascii_control() => push_units(&mut out, c),
                c => out.push(c),
            }
        }
        out
    };
    [
        escape(|_| false, ""),
        escape(|_| false, "\\/"),
        escape(|c| !c.is_ascii(), ""),
        escape(|c| !c.is_ascii(), "\\/"),
        escape(|c| !c.is_ascii() || "<>&'\"=+".contains(c), ""),
        escape(|_| true, ""),
    ]
}

fn push_units(out: &mut String, c: char) {
    let mut units = [0; 2];
    for unit in c.encode_utf16(&mut units) {
        out.push_str(&format!("\\u{unit:04x}"));
    }
}

/// The text of an HTML or XML element or attribute.
fn html(text: &str) -> Vec<String> {
    let named = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let quoted = named.replace('"', "&quot;");
    let decimal = |c: char| format!("&#{};", u32::from(c));
    let hexadecimal = |c: char| format!("&#x{:x};", u32::from(c));
    vec![
        quoted.replace('\'', "&#39;"),
        quoted.replace('\'', "&#x27;"),
        quoted.replace('\'', "&#x27;").replace('/', "&#x2f;"),
        quoted.replace('\'', "&apos;"),
        named.replace('"', "&#34;").replace('\'', "&#39;"),
        text.chars().map(decimal).collect(),
        text.chars().map(hexadecimal).collect(),
        named,
        quoted,
    ]
}
