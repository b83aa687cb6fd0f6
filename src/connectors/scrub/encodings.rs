//! The encodings in which a credential is searched for, and the search for them in one text.
//!
//! Escapes and runs of encoded bytes are views of the text instead, because nobody can list all ways to write them.
//! Hexadecimal and Base64 are here as well, so that they are found wherever they begin: as a part of a path, and with
//! other bytes before the credential.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use cofferdam_config::quote;
use zeroize::Zeroizing;

use super::prefix_filter::{PrefixFilter, folded, is_significant, is_white_space};
use super::views::BREAK;
use super::work::{TooMuch, Work};
use super::{CUT, MAX_MATCHES, SHORTEST};

/// The shortest encoding that is found with white space between its characters. In prose, the letters of a shorter one may
/// follow each other by chance: `the sister` contains `thesis`.
const SHORTEST_BROKEN: usize = 8;

/// Whether a secret is removed from inside a longer text.
pub(super) fn is_long(secret: &str) -> bool {
    secret.bytes().filter(|&byte| is_significant(byte)).count() >= SHORTEST
}

/// Secrets that are too short to be searched for, in the encodings in which they may be a whole text.
pub(super) struct ShortSecrets(Vec<Zeroizing<String>>);

impl ShortSecrets {
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let encodings = |secret: &'a str| {
            let base64 =
                [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].map(|engine| engine.encode(secret));
            base64.into_iter().chain([secret.to_owned(), hex(secret.as_bytes())]).map(Zeroizing::new)
        };
        Self(secrets.into_iter().flat_map(encodings).collect())
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `text` is one of them.
    pub(super) fn contains(&self, text: &str) -> bool {
        let text = text.trim();
        self.0.iter().any(|short| short.as_str() == text)
    }
}

/// The encodings of all credentials.
pub(super) struct Encodings {
    /// In the order of their prefixes.
    all: Vec<Encoding>,
    prefixes: PrefixFilter,
    /// The length of the shortest text in which one is found.
    shortest: usize,
}

impl Encodings {
    /// The encodings of `secrets`, each of which [`is_long`], with the length of what is known of its beginning.
    pub(super) fn new(secrets: &[(&str, usize)]) -> Self {
        // What only adds a scheme to another secret is found by that one.
        let adds_a_scheme = |(secret, _): &&(&str, usize)| {
            let is_another = |rest| secrets.iter().any(|(another, _)| *another == rest);
            ["Bearer ", "Basic "]
                .into_iter()
                .any(|scheme| secret.strip_prefix(scheme).is_some_and(is_another))
        };
        let mut all = Vec::new();
        for (secret, known) in secrets.iter().filter(|secret| !adds_a_scheme(secret)) {
            push_all(secret, *known, &mut all);
        }
        all.sort_by(|a, b| (a.prefix, a.bytes.as_slice()).cmp(&(b.prefix, b.bytes.as_slice())));
        all.dedup();
        let prefixes = PrefixFilter::new(all.iter().map(|encoding| encoding.prefix));
        let shortest = all.iter().map(|encoding| encoding.least).min().unwrap_or(usize::MAX);
        Self { all, prefixes, shortest }
    }

    /// The length of the shortest text in which one is found; `usize::MAX` if there is none.
    pub(super) fn shortest(&self) -> usize {
        self.shortest
    }

    /// Whether one of them has this byte.
    pub(super) fn have(&self, byte: u8) -> bool {
        self.all.iter().any(|encoding| encoding.bytes.contains(&byte))
    }

    /// The ranges of all encodings in `text`, in the order in which they begin.
    pub(super) fn find(&self, text: &[u8], work: &mut Work) -> Result<Vec<Range<usize>>, TooMuch> {
        let mut found = Vec::new();
        work.spend(text.len())?;
        for candidate in self.prefixes.candidates(text) {
            work.spend(candidate.span.len())?;
            let first = self.all.partition_point(|encoding| encoding.prefix < candidate.prefix);
            let equal = self.all.get(first..).unwrap_or_default().iter();
            for encoding in equal.take_while(|encoding| encoding.prefix == candidate.prefix) {
                found.extend(encoding.match_at(candidate.span.start, text, work)?);
            }
            if found.len() > MAX_MATCHES {
                return Err(TooMuch);
            }
        }
        Ok(found)
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> &[Encoding] {
        &self.all
    }
}

/// A credential in one encoding.
#[derive(PartialEq, Eq)]
pub(super) struct Encoding {
    bytes: Zeroizing<Vec<u8>>,
    /// Its first significant bytes, regardless of case.
    prefix: u32,
    /// How many of its bytes are enough if the text is cut off after them.
    least: usize,
    /// Whether there may be white space between its bytes. Then it has none itself.
    broken: bool,
    /// Whether the character before and the one after hold some of the credential's bits, as in Base64 of a credential
    /// inside a longer text.
    edges: (bool, bool),
}

impl Encoding {
    /// A credential as it is. `None` if it is too short to be searched for.
    fn plain(text: Zeroizing<Vec<u8>>, cut: usize) -> Option<Self> {
        let length = text.iter().filter(|&&byte| is_significant(byte)).count();
        Self::new(text, cut, length >= SHORTEST_BROKEN, (false, false))
    }

    /// `text`, of which `cut` bytes are enough if the rest was cut off. `None` if it is too short to be searched for.
    fn new(text: Zeroizing<Vec<u8>>, cut: usize, broken: bool, edges: (bool, bool)) -> Option<Self> {
        let significant: Vec<u8> = text.iter().copied().filter(|&byte| is_significant(byte)).collect();
        let significant = Zeroizing::new(significant);
        if significant.len() < SHORTEST {
            return None;
        }
        let prefix = folded(*significant.first_chunk()?);
        let bytes = if broken { significant } else { text };
        Some(Self { prefix, least: cut.min(bytes.len()), bytes, broken, edges })
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its range in `text` if it begins at `start`, regardless of case; also if it is cut short at the end of the text.
    pub(super) fn match_at(
        &self,
        start: usize,
        text: &[u8],
        work: &mut Work,
    ) -> Result<Option<Range<usize>>, TooMuch> {
        let skipped = |byte: u8| byte == 0 || (self.broken && is_white_space(byte));
        let (mut at, mut end) = (start, start);
        let mut matched = 0;
        while let (Some(expected), Some(byte)) = (self.bytes.get(matched), text.get(at)) {
            if expected.eq_ignore_ascii_case(byte) {
                matched += 1;
                end = at + 1;
            } else if !skipped(*byte) {
                break;
            }
            at += 1;
        }
        work.spend(at - start + 1)?;
        let whole = matched == self.bytes.len();
        let cut = || matched >= self.least && self.is_cut(matched, text.get(end..at), text.get(at..));
        Ok((whole || cut()).then(|| self.widened(start..end, text)))
    }

    /// Whether a text ends after the first `matched` bytes of the encoding: `white` is the white space after them, and
    /// `rest` what follows.
    fn is_cut(&self, matched: usize, white: Option<&[u8]>, rest: Option<&[u8]>) -> bool {
        let rest = rest.unwrap_or_default();
        let ends = rest.is_empty() || rest.first() == Some(&BREAK);
        let is_shortened = ["…", "...", "***"].iter().any(|mark| rest.starts_with(mark.as_bytes()));
        let last = matched.checked_sub(1).and_then(|at| self.bytes.get(at));
        let is_quoted = white.is_none_or(<[u8]>::is_empty)
            && rest.first().is_some_and(|byte| b"\"'`".contains(byte))
            && last.is_some_and(|byte| !byte.is_ascii_punctuation());
        ends || is_shortened || is_quoted
    }

    /// `range` with the characters at its edges that hold some of the credential's bits.
    fn widened(&self, range: Range<usize>, text: &[u8]) -> Range<usize> {
        let digit = |i: usize| text.get(i).is_some_and(|b| b.is_ascii_alphanumeric() || b"+/-_".contains(b));
        let Range { mut start, mut end } = range;
        if self.edges.0 && start > 0 && digit(start - 1) {
            start -= 1;
        }
        if self.edges.1 && digit(end) {
            end += 1;
        }
        start..end
    }
}

/// Appends every encoding of `secret`, of which the first `known` bytes are no secret. Some may be equal.
fn push_all(secret: &str, known: usize, encodings: &mut Vec<Encoding>) {
    let cut = public_prefix(secret).max(known).saturating_add(CUT);
    push_bytes(secret.as_bytes(), cut, encodings);
    if secret.contains(' ') {
        // An HTML form encodes a space as `+`.
        let form = Zeroizing::new(secret.replace(' ', "+").into_bytes());
        encodings.extend(Encoding::plain(form, cut));
    }
    if secret.is_ascii() {
        return;
    }
    if let Some(latin1) = latin1(secret) {
        push_bytes(&latin1, cut, encodings);
    }
    // Neither byte of a character beyond Latin-1 is NUL, so their order matters.
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let utf16 = Zeroizing::new(secret.encode_utf16().flat_map(order).collect());
        encodings.extend(Encoding::plain(utf16, cut));
    }
}

/// Appends `bytes` as they are, in hexadecimal and in Base64.
fn push_bytes(bytes: &[u8], cut: usize, encodings: &mut Vec<Encoding>) {
    encodings.extend(Encoding::plain(Zeroizing::new(bytes.to_vec()), cut));
    let digits = Zeroizing::new(hex(bytes).into_bytes());
    encodings.extend(Encoding::new(digits, cut.saturating_mul(2), true, (false, false)));
    (0..3).for_each(|offset| push_base64(bytes, cut, offset, encodings));
}

/// Appends Base64 of `bytes` after `offset` other bytes: those characters that depend on `bytes` alone.
fn push_base64(bytes: &[u8], cut: usize, offset: usize, encodings: &mut Vec<Encoding>) {
    let mut padded = Zeroizing::new(vec![0; offset]);
    padded.extend_from_slice(bytes);
    let first = (offset * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    let edges = (offset > 0, !padded.len().is_multiple_of(3));
    let cut = cut.saturating_add(offset).saturating_mul(8).div_ceil(6) - first;
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        let encoded = Zeroizing::new(engine.encode(padded.as_slice()));
        let stable = encoded.as_bytes().get(first..last).unwrap_or_default();
        encodings.extend(Encoding::new(Zeroizing::new(stable.to_vec()), cut, true, edges));
    }
}

/// The length of what everybody knows at the beginning of `secret`: the prefix of a service's credentials, or a scheme.
fn public_prefix(secret: &str) -> usize {
    let scheme = ["https://", "http://"].into_iter().find(|scheme| secret.starts_with(scheme));
    quote::credential_prefix(secret).or(scheme).map_or(0, str::len)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `secret` in Latin-1; `None` if it has other characters.
fn latin1(secret: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes: Option<Vec<u8>> = secret.chars().map(|c| u8::try_from(c).ok()).collect();
    bytes.map(Zeroizing::new)
}
