//! Removes the credentials in use from what a service answers, encoded forms too.
//!
//! A service may reflect its request: an echo, an error that quotes a header, a signed link. So the credential's
//! text is looked for as it is, in hexadecimal and in base64 at every offset, without regard to case; in the answer's
//! bytes, in what their escapes mean (twice over), and again in every string of its JSON. What overlaps is removed as
//! one piece.
//!
//! It cannot find a part of a credential, a form that nobody thought of (compressed, encrypted, reversed), or a
//! text shorter than [`SHORTEST`] inside a longer one: removing `abc` everywhere would shred every answer.

mod forms;
mod heads;
mod view;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use forms::Form;
use heads::Heads;
use view::{Escape, View};

/// What stands where a credential stood.
pub(crate) const REMOVED: &str = "[credential removed]";

/// The shortest text that is removed from inside a longer one, in bytes; a shorter one is removed where it is all
/// there is. Real credentials are longer.
pub(crate) const SHORTEST: usize = 6;

/// How many levels of escapes are read: a URL inside JSON, a value encoded twice.
const ESCAPED: usize = 2;

/// Knows the credentials of one call, and removes them.
pub struct Scrubber {
    forms: Vec<Form>,
    heads: Heads,
    /// The length of the shortest form; what is shorter holds none, for no escape means more than it is long.
    least: usize,
    short: Vec<Zeroizing<String>>,
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrubber").finish_non_exhaustive()
    }
}

impl Scrubber {
    /// A scrubber of `secrets`: a credential's fields, and what was made of them for the request.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut long, short): (Vec<&str>, Vec<&str>) = secrets
            .into_iter()
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .partition(|text| text.len() >= SHORTEST);
        // What holds a shorter secret in itself, like `Bearer …`, is found by that.
        long.sort_by_key(|text| text.len());
        let mut texts: Vec<&str> = Vec::new();
        for text in long {
            if !texts.iter().any(|shorter| text.contains(shorter)) {
                texts.push(text);
            }
        }
        let mut forms = Vec::new();
        texts.iter().for_each(|text| forms::push_all(text, &mut forms));
        let short = short.into_iter().map(|text| Zeroizing::new(text.to_owned())).collect();
        forms.sort_by(|a, b| a.bytes().cmp(b.bytes()));
        forms.dedup();
        let heads = Heads::of(&forms);
        let least = forms.iter().map(|form| form.bytes().len()).min().unwrap_or(usize::MAX);
        Self { forms, heads, least, short }
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

    /// Where credentials stand, in order, overlapping and touching ones as one.
    fn find(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut found = self.find_deep(bytes, ESCAPED);
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

    /// Where credentials stand in `bytes`, and in what its escapes mean, `depth` levels of them.
    fn find_deep(&self, bytes: &[u8], depth: usize) -> Vec<Range<usize>> {
        if bytes.len() < self.least {
            return Vec::new();
        }
        let mut found = self.find_plain(bytes);
        if let Some(deeper) = depth.checked_sub(1) {
            for view in Escape::ALL.into_iter().filter_map(|escape| View::of(bytes, escape)) {
                found.extend(
                    self.find_deep(&view.bytes, deeper).into_iter().map(|range| view.in_source(range)),
                );
            }
        }
        found
    }

    fn find_plain(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let at = |place| self.forms.iter().filter_map(move |form| form.at(place, bytes));
        self.heads.places(bytes).flat_map(at).collect()
    }
}

#[cfg(test)]
mod tests;
