//! Removes the credentials in use from a service's answers, including encoded ones.
//!
//! A service may reflect its request: an echo, an error that quotes a header, a signed link, a file. The search for a
//! credential has two parts that multiply:
//!
//! - *Encodings* are made of the credential: as it is, in hexadecimal, and in Base64 at every offset. They are compared
//!   regardless of case and of white space between their characters.
//! - *Views* are made of the answer: what its escapes and its runs of encoded bytes mean ([`View::ALL`] lists them), and
//!   what those mean in turn, [`DEPTH`] levels deep. Positions in a view lead back to the answer.
//!
//! An answer is searched as bytes, and then in every string of its JSON in which that may find more. Each field is searched
//! for by itself, so one that contains another, or begins like another, is removed whole. Overlapping matches are removed
//! together.
//!
//! A credential that was cut short is removed as well if at least [`CUT`] of its bytes are left and the text ends after
//! them. What everybody knows of it does not count, and nor does a user name beside a password: `ada.lovelace` is also the
//! beginning of `ada.lovelace@example.com`.
//!
//! Not found are other parts of a credential, other encodings (compressed, encrypted, reversed), and a credential shorter
//! than [`SHORTEST`] inside a longer text: removing `abc` everywhere would destroy every answer.

mod encodings;
mod json_strings;
mod prefix_filter;
mod replacement;
mod views;
mod work;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use memchr::memchr2;
use serde_json::{Map, Value};

use encodings::{Encodings, ShortSecrets};
use json_strings::Part;
use views::View;
use work::{TooMuch, Work};

/// What replaces a credential.
pub(crate) const REMOVED: &str = "[credential removed]";

/// The shortest credential that is removed from inside a longer text, in bytes that are not white space. A shorter one is
/// removed only if it is the whole text. Real credentials are longer.
pub(crate) const SHORTEST: usize = 6;

/// How many bytes of a credential are enough if the rest was cut off. What a credential begins with for everyone to know,
/// such as `github_pat_`, does not count.
pub(crate) const CUT: usize = 8;

/// How many levels of views are searched: a URL inside JSON, a value encoded twice.
const DEPTH: usize = 2;

/// How many copies of a text are made at most while credentials are removed from it: one of each level, and a clean one.
pub(crate) const COPIES: u64 = DEPTH as u64 + 1;

/// How often a text is searched at most: until nothing is found. What is replaced ends a run of encoded bytes, and what
/// follows it may mean something else than before. If something is found every time, all of the text is removed.
const ROUNDS: usize = 5;

/// The most matches that are removed one by one. If a text has more, all of it is removed: their positions, and what
/// replaces them, would take many times as much memory as the text.
const MAX_MATCHES: usize = 10_000;

/// Removes the credentials of one call.
pub struct Scrubber {
    encodings: Encodings,
    short: ShortSecrets,
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrubber").finish_non_exhaustive()
    }
}

impl Scrubber {
    /// A scrubber of `secrets`: a credential's fields, and the strings derived from them for the request.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        Self::with_known_beginnings(secrets.into_iter().map(|secret| (secret, 0)))
    }

    /// A scrubber of `secrets`, each with the number of bytes at its beginning that are not secret by themselves, such as a
    /// user name. If a secret was cut short, they do not count.
    pub fn with_known_beginnings<'a>(secrets: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        let (long, short): (Vec<_>, Vec<_>) = secrets
            .into_iter()
            .map(|(text, known)| (text.trim(), known))
            .filter(|(text, _)| !text.is_empty())
            .partition(|(text, _)| encodings::is_long(text));
        Self {
            encodings: Encodings::new(&long),
            short: ShortSecrets::new(short.into_iter().map(|(text, _)| text)),
        }
    }

    /// `text` without credentials; borrowed if it has none.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.short.contains(text) {
            return Cow::Owned(REMOVED.into());
        }
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// `bytes` without credentials; borrowed if they have none. If they are JSON they stay JSON, unless a credential begins
    /// or ends with a part of its structure.
    pub fn bytes<'t>(&self, bytes: &'t [u8]) -> Cow<'t, [u8]> {
        let mut clean = Cow::Borrowed(bytes);
        for _ in 0..ROUNDS {
            match self.find(&clean, DEPTH, &mut Work::for_text(clean.len())) {
                Ok(ranges) if ranges.is_empty() => return clean,
                Ok(ranges) => clean = Cow::Owned(replacement::replace(&clean, ranges)),
                Err(TooMuch) => break,
            }
        }
        Cow::Owned(REMOVED.into())
    }

    /// Whether [`Scrubber::value`] would change nothing in what the JSON `text` means. Returns `false` if that is not known
    /// without it.
    ///
    /// [`Scrubber::bytes`] must have found nothing in `text`. Then few of its strings are searched.
    pub fn finds_nothing_in_json(&self, text: &[u8]) -> bool {
        // A short secret is a whole string, which was not looked for yet. One with a quote may continue after a string.
        if !self.short.is_empty() || self.encodings.have(b'"') {
            return false;
        }
        let may_be_cut_off = json_strings::may_be_cut_off(text);
        json_strings::parts(text).all(|part| match part {
            Part::Plain(string) => !may_be_cut_off(string) || self.finds_nothing(string),
            Part::Escaped(quoted) => serde_json::from_slice::<String>(quoted)
                .is_ok_and(|string| self.finds_nothing(string.as_bytes())),
            Part::Between(structure) => {
                // A parser writes exponents in its own way.
                let has_exponent = |number: &[u8]| memchr2(b'e', b'E', number).is_some();
                let mut numbers = json_strings::numbers(structure, self.encodings.shortest());
                numbers.all(|number| !has_exponent(number) && self.finds_nothing(number))
            }
        })
    }

    fn finds_nothing(&self, text: &[u8]) -> bool {
        self.find(text, DEPTH, &mut Work::for_text(text.len())).is_ok_and(|found| found.is_empty())
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

    /// The ranges of credentials in `text` and in its views, down to `depth` levels, in order. Overlapping and adjacent
    /// ones are merged.
    fn find(&self, text: &[u8], depth: usize, work: &mut Work) -> Result<Vec<Range<usize>>, TooMuch> {
        let shortest = self.encodings.shortest();
        // No view has more bytes than its source.
        if text.len() < shortest {
            return Ok(Vec::new());
        }
        let mut found = self.encodings.find(text, work)?;
        if let Some(deeper) = depth.checked_sub(1) {
            for view in View::ALL {
                work.spend(text.len())?;
                if let Some(decoded) = view.decode(text, shortest) {
                    let ranges = self.find(&decoded, deeper, work)?;
                    found.extend(view.locate(text, shortest, &ranges));
                }
            }
        }
        if found.len() > MAX_MATCHES { Err(TooMuch) } else { Ok(merged(found)) }
    }
}

/// `ranges` in order, with overlapping and adjacent ones as one.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests;
