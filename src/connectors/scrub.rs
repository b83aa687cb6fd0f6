//! Removes the credentials in use from a service's answers, including encoded ones.
//!
//! A service may reflect its request: an echo, an error that quotes a header, a signed link. The credential is
//! searched for as it is, in hexadecimal and in Base64 at every offset, regardless of case. The search covers the
//! answer's bytes, what their escapes mean (two levels deep), and then every string of its JSON. Overlapping matches
//! are removed together.
//!
//! Not found are a part of a credential, other encodings (compressed, encrypted, reversed), and a credential shorter
//! than [`SHORTEST`] inside a longer text: removing `abc` everywhere would destroy every answer.

mod encodings;
mod prefix_filter;
mod unescaped;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use encodings::Encoding;
use prefix_filter::PrefixFilter;
use unescaped::{Escape, UnescapedView};

/// What replaces a credential.
pub(crate) const REMOVED: &str = "[credential removed]";

/// The shortest credential that is removed from inside a longer text, in bytes. A shorter one is removed only if it is
/// the whole text. Real credentials are longer.
pub(crate) const SHORTEST: usize = 6;

/// The most matches that are removed one by one. If a text has more, all of it is removed: their positions, and what
/// replaces them, would take many times as much memory as the text.
const MAX_MATCHES: usize = 10_000;

/// How many levels of escapes are decoded: a URL inside JSON, a value encoded twice.
const ESCAPE_LEVELS: usize = 2;

/// Removes the credentials of one call.
pub struct Scrubber {
    encodings: Vec<Encoding>,
    prefixes: PrefixFilter,
    /// The length of the shortest encoding. A shorter text contains none, because no escape means more than its length.
    shortest: usize,
    short: Vec<Zeroizing<String>>,
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrubber").finish_non_exhaustive()
    }
}

impl Scrubber {
    /// A scrubber of `secrets`: a credential's fields, and the strings derived from them for the request.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut long, short): (Vec<&str>, Vec<&str>) = secrets
            .into_iter()
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .partition(|text| text.len() >= SHORTEST);
        // A string that contains a shorter secret, like `Bearer …`, is found by that secret.
        long.sort_by_key(|text| text.len());
        let mut distinct: Vec<&str> = Vec::new();
        for text in long {
            if !distinct.iter().any(|shorter| text.contains(shorter)) {
                distinct.push(text);
            }
        }
        let mut encodings = Vec::new();
        distinct.iter().for_each(|text| encodings::push_all(text, &mut encodings));
        let short = short.into_iter().map(|text| Zeroizing::new(text.to_owned())).collect();
        encodings.sort_by(|a, b| a.bytes().cmp(b.bytes()));
        encodings.dedup();
        let prefixes = PrefixFilter::new(&encodings);
        let shortest = encodings.iter().map(|encoding| encoding.bytes().len()).min().unwrap_or(usize::MAX);
        Self { encodings, prefixes, shortest, short }
    }

    /// `text` without credentials.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.is_short(text) {
            return Cow::Borrowed(REMOVED);
        }
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// `bytes` without credentials.
    pub fn bytes<'t>(&self, bytes: &'t [u8]) -> Cow<'t, [u8]> {
        let ranges = self.find(bytes);
        if ranges.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut clean = Vec::with_capacity(bytes.len());
        let mut kept = 0;
        for range in ranges {
            clean.extend_from_slice(bytes.get(kept..range.start).unwrap_or_default());
            clean.extend_from_slice(REMOVED.as_bytes());
            kept = range.end;
        }
        clean.extend_from_slice(bytes.get(kept..).unwrap_or_default());
        Cow::Owned(clean)
    }

    /// Removes credentials from every string, key and number of `value`.
    pub fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                let clean = self.text(text);
                if clean != text.as_str() {
                    *text = clean.into_owned();
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(entries) => self.object(entries),
            Value::Number(number) => {
                let text = number.to_string();
                if self.text(&text) != text {
                    *value = Value::String(REMOVED.into());
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Removes credentials from every key and value of `entries`.
    pub fn object(&self, entries: &mut Map<String, Value>) {
        if entries.keys().any(|key| self.text(key) != key.as_str()) {
            *entries = std::mem::take(entries)
                .into_iter()
                .map(|(key, v)| (self.text(&key).into_owned(), v))
                .collect();
        }
        entries.values_mut().for_each(|entry| self.value(entry));
    }

    fn is_short(&self, text: &str) -> bool {
        let text = text.trim();
        self.short.iter().any(|short| short.as_str() == text)
    }

    /// The ranges of credentials, in order. Overlapping and adjacent ones are merged.
    fn find(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut found = self.find_deep(bytes, ESCAPE_LEVELS);
        if found.len() > MAX_MATCHES {
            return std::iter::once(0..bytes.len()).collect();
        }
        found.sort_by_key(|range| range.start);
        let mut merged: Vec<Range<usize>> = Vec::new();
        for range in found {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        merged
    }

    /// The ranges of credentials in `bytes`, and in what its escapes mean, down to `depth` levels. Stops soon after
    /// [`MAX_MATCHES`].
    fn find_deep(&self, bytes: &[u8], depth: usize) -> Vec<Range<usize>> {
        if bytes.len() < self.shortest {
            return Vec::new();
        }
        let mut found = self.find_plain(bytes);
        if let Some(deeper) = depth.checked_sub(1) {
            for view in Escape::ALL.into_iter().filter_map(|escape| UnescapedView::new(bytes, escape)) {
                if found.len() > MAX_MATCHES {
                    break;
                }
                let ranges = self.find_deep(&view.bytes, deeper);
                found.extend(ranges.into_iter().map(|range| view.in_source(range)));
            }
        }
        found
    }

    fn find_plain(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let matches =
            |start| self.encodings.iter().filter_map(move |encoding| encoding.match_at(start, bytes));
        self.prefixes.candidates(bytes).flat_map(matches).take(MAX_MATCHES + 1).collect()
    }
}

#[cfg(test)]
mod tests;
