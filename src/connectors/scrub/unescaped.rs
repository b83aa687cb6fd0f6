//! A text without its escapes, and the way back to the positions in its source.
//!
//! A service may escape any characters in several ways. Searching for every escaped variant of a credential is
//! therefore not possible. Instead the text is unescaped, and the credential is searched for in the result.

use std::ops::Range;

/// A way to escape characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// `%2F`, as in URLs and forms.
    Percent,
    /// `\/`, `\n`, `\u002f` and `\x2f`, as in JSON and most languages.
    Backslash,
    /// `&amp;`, `&#47;` and `&#x2f;`, as in HTML and XML.
    Entity,
}

impl Escape {
    pub(super) const ALL: [Self; 3] = [Self::Percent, Self::Backslash, Self::Entity];

    fn mark(self) -> u8 {
        match self {
            Self::Percent => b'%',
            Self::Backslash => b'\\',
            Self::Entity => b'&',
        }
    }

    /// The character that the escape at the start of `bytes` means, and its length. `None` if there is no escape.
    fn decode(self, bytes: &[u8]) -> Option<(char, usize)> {
        match self {
            Self::Percent => Some((char::from(u8::try_from(hex(bytes.get(1..3)?)?).ok()?), 3)),
            Self::Backslash => backslash(bytes),
            Self::Entity => entity(bytes),
        }
    }
}

/// The distance in the source at which positions are recorded, in bytes. Recording each escape would take sixteen bytes
/// for one that has two.
const INTERVAL: usize = 512;

/// The length of the longest escape: `&#`, twelve digits, and `;`.
const LONGEST: usize = 15;

/// A text without one kind of escape.
pub(super) struct UnescapedView<'s> {
    pub(super) bytes: Vec<u8>,
    source: &'s [u8],
    escape: Escape,
    /// The positions after some escapes: in `bytes`, and in the source. An escape that ends less than [`INTERVAL`] after
    /// a recorded one is not recorded.
    after: Vec<(usize, usize)>,
}

impl<'s> UnescapedView<'s> {
    /// Unescapes `source`. Returns `None` if it has no escape.
    pub(super) fn new(source: &'s [u8], escape: Escape) -> Option<Self> {
        let mut view = Self { bytes: Vec::new(), source, escape, after: Vec::new() };
        let mut copied = 0;
        for escape in (Escapes { source, escape, at: 0 }) {
            if view.bytes.is_empty() {
                view.bytes.reserve_exact(source.len());
            }
            view.bytes.extend_from_slice(source.get(copied..escape.start).unwrap_or_default());
            view.bytes.extend_from_slice(escape.meaning());
            copied = escape.end;
            if view.after.last().is_none_or(|&(_, there)| escape.end >= there + INTERVAL) {
                view.after.push((view.bytes.len(), escape.end));
            }
        }
        if view.after.is_empty() {
            return None;
        }
        view.bytes.extend_from_slice(source.get(copied..).unwrap_or_default());
        Some(view)
    }

    /// The range of the source that `range` of this view comes from.
    pub(super) fn in_source(&self, range: Range<usize>) -> Range<usize> {
        self.position(range.start)..self.position(range.end)
    }

    fn position(&self, at: usize) -> usize {
        let earlier = self.after.partition_point(|&(here, _)| here <= at);
        let Some(&(mut here, mut there)) = earlier.checked_sub(1).and_then(|i| self.after.get(i)) else {
            return at;
        };
        // The escapes since then that are not recorded.
        let end = there + INTERVAL;
        let source = self.source.get(..end + LONGEST).unwrap_or(self.source);
        for escape in (Escapes { source, escape: self.escape, at: there }) {
            let next = here + (escape.start - there) + escape.meaning().len();
            if escape.end >= end || next > at {
                break;
            }
            (here, there) = (next, escape.end);
        }
        there + (at - here)
    }
}

/// An escape in a text, and its meaning in UTF-8.
struct Found {
    start: usize,
    end: usize,
    meaning: [u8; 4],
    length: usize,
}

impl Found {
    fn meaning(&self) -> &[u8] {
        self.meaning.get(..self.length).unwrap_or_default()
    }
}

/// The escapes of one kind, from a position on.
struct Escapes<'s> {
    source: &'s [u8],
    escape: Escape,
    at: usize,
}

impl Iterator for Escapes<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let rest = self.source.get(self.at..)?;
            let start = self.at + rest.iter().position(|&byte| byte == self.escape.mark())?;
            let Some((character, written)) = self.escape.decode(self.source.get(start..)?) else {
                self.at = start + 1;
                continue;
            };
            self.at = start + written;
            let mut meaning = [0; 4];
            let length = match (self.escape, u8::try_from(character)) {
                // A byte, perhaps one of several of a character.
                (Escape::Percent, Ok(byte)) => {
                    meaning[0] = byte;
                    1
                }
                _ => character.encode_utf8(&mut meaning).len(),
            };
            return Some(Found { start, end: self.at, meaning, length });
        }
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, &digit| Some(number << 4 | char::from(digit).to_digit(16)?))
}

fn backslash(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| hex(bytes.get(at..at + 6)?.strip_prefix(b"\\u")?);
    Some(match bytes.get(1)? {
        b'n' => ('\n', 2),
        b'r' => ('\r', 2),
        b't' => ('\t', 2),
        &plain @ (b'"' | b'\'' | b'\\' | b'/') => (char::from(plain), 2),
        b'x' => (char::from_u32(hex(bytes.get(2..4)?)?)?, 4),
        b'u' => match unit(0)? {
            high @ 0xd800..0xdc00 => {
                let low = unit(6).filter(|low| (0xdc00..0xe000).contains(low))?;
                (char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?, 12)
            }
            unit => (char::from_u32(unit)?, 6),
        },
        _ => return None,
    })
}

fn entity(bytes: &[u8]) -> Option<(char, usize)> {
    const NAMED: [(&[u8], char); 5] =
        [(b"&amp;", '&'), (b"&lt;", '<'), (b"&gt;", '>'), (b"&quot;", '"'), (b"&apos;", '\'')];
    if let Some((name, c)) = NAMED.iter().find(|(name, _)| bytes.starts_with(name)) {
        return Some((*c, name.len()));
    }
    let digits = bytes.strip_prefix(b"&#")?;
    // The longest number of a character has seven digits; longer ones have leading zeros and are not decoded.
    let end = digits.iter().take(12).position(|&byte| byte == b';')?;
    let number = match digits.get(..end)? {
        [b'x' | b'X', digits @ ..] => hex(digits)?,
        digits => std::str::from_utf8(digits).ok()?.parse().ok()?,
    };
    Some((char::from_u32(number)?, end + 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unescape(source: &str, escape: Escape) -> String {
        UnescapedView::new(source.as_bytes(), escape)
            .map_or_else(String::new, |view| String::from_utf8(view.bytes).unwrap())
    }

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(unescape("a%2Fb%2fc%c3%A9%zz%", Escape::Percent), "a/b/cé%zz%");
        assert_eq!(
            unescape(r#"\u0041\/\"\\\x42\ud83d\ude00\q\ud83d\"#, Escape::Backslash),
            "A/\"\\B\u{1f600}\\q\\ud83d\\"
        );
        assert_eq!(unescape("&amp;&#65;&#x42;&#X43;&no;&#;&", Escape::Entity), "&ABC&no;&#;&");
        for escape in Escape::ALL {
            assert!(UnescapedView::new(b"nothing % \\ & here", escape).is_none());
        }
    }

    #[test]
    fn every_position_leads_back_to_its_source() {
        let source = "ab%20cd%2F%2Fe";
        let view = UnescapedView::new(source.as_bytes(), Escape::Percent).unwrap();
        for (meaning, written) in
            [("ab", "ab"), (" cd", "%20cd"), ("//", "%2F%2F"), ("/e", "%2Fe"), ("d/", "d%2F")]
        {
            let text = std::str::from_utf8(&view.bytes).unwrap();
            let start = text.rfind(meaning).unwrap();
            assert_eq!(&source[view.in_source(start..start + meaning.len())], written);
        }
    }
}
