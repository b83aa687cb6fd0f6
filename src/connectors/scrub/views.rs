//! What a text means in other notations, and the way back to the positions in it.
//!
//! A service may write any byte of a credential in several ways. Searching for every variant of a credential is therefore
//! not possible. Instead the text is decoded, and the credential is searched for in the result.
//!
//! A view is one function that calls back with pieces: a range of the text, and the bytes that it means. Decoding collects
//! the bytes. Only if a credential is among them, the function runs again to find the ranges that they come from.

mod escapes;
mod runs;

use std::ops::Range;

/// What is between the runs of a view, and not part of any text in UTF-8.
pub(super) const BREAK: u8 = 0xff;

/// A notation in which bytes may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// `%2F`, as in URLs and forms.
    Percent,
    /// `\/`, `\n`, `\u002f`, `\x2f` and `\057`, as in JSON and most languages.
    Backslash,
    /// `&amp;`, `&#47;` and `&#x2f;`, as in HTML and XML.
    Entity,
    /// `=2F`, and lines that end in `=`, as in mail.
    QuotedPrintable,
    /// A NUL beside each character, as UTF-16 has it.
    Utf16,
    /// `115, 51`, `{"0":115,"1":51}`, as most languages print bytes.
    ByteList,
    /// `7333`, `73:33`, `73 33`, `0x73, 0x33`, as in dumps and fingerprints.
    Hex,
    /// `czM=`, also in lines.
    Base64,
}

impl View {
    pub(super) const ALL: [Self; 8] = [
        Self::Percent,
        Self::Backslash,
        Self::Entity,
        Self::QuotedPrintable,
        Self::Utf16,
        Self::ByteList,
        Self::Hex,
        Self::Base64,
    ];

    /// Calls `each` with the pieces of `text`, in order: those that mean something else, and what is between escapes. Of a
    /// text without any that means something else, there are none. Of runs, only those of at least `shortest` bytes count.
    fn pieces(self, text: &[u8], shortest: usize, each: impl FnMut(Range<usize>, &[u8])) {
        match self {
            Self::Percent => escapes::percent(text, each),
            Self::Backslash => escapes::backslash(text, each),
            Self::Entity => escapes::entity(text, each),
            Self::QuotedPrintable => escapes::quoted_printable(text, each),
            Self::Utf16 => escapes::utf16(text, each),
            Self::ByteList => runs::byte_list(text, shortest, each),
            Self::Hex => runs::hex(text, shortest, each),
            Self::Base64 => runs::base64(text, shortest, each),
        }
    }

    /// What `text` means; `None` if this is not another text.
    pub(super) fn decode(self, text: &[u8], shortest: usize) -> Option<Vec<u8>> {
        let mut decoded = Vec::new();
        self.pieces(text, shortest, |_, meaning| {
            if decoded.capacity() == 0 {
                decoded.reserve_exact(text.len());
            }
            decoded.extend_from_slice(meaning);
        });
        (!decoded.is_empty()).then_some(decoded)
    }

    /// The ranges of `text` that the ordered `ranges` of the decoded text come from.
    pub(super) fn locate(self, text: &[u8], shortest: usize, ranges: &[Range<usize>]) -> Vec<Range<usize>> {
        let mut located = Vec::with_capacity(ranges.len());
        if ranges.is_empty() {
            return located;
        }
        let mut wanted = ranges.iter().peekable();
        let mut begun = None;
        let mut at = 0;
        self.pieces(text, shortest, |source, meaning| {
            let next = at + meaning.len();
            // Of a piece that means as many bytes as it has, each byte has its own position.
            let is_verbatim = meaning.len() == source.len();
            while let Some(range) = wanted.peek() {
                if begun.is_none() && range.start < next {
                    begun = Some(if is_verbatim { source.start + range.start - at } else { source.start });
                }
                match begun {
                    Some(start) if range.end <= next => {
                        let end = if is_verbatim { source.start + range.end - at } else { source.end };
                        located.push(start..end);
                        begun = None;
                        wanted.next();
                    }
                    _ => break,
                }
            }
            at = next;
        });
        located
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str, view: View) -> String {
        view.decode(text.as_bytes(), 2).map_or_else(String::new, |bytes| {
            // Between runs: a byte that is not UTF-8.
            String::from_utf8_lossy(&bytes).replace('\u{fffd}', "|")
        })
    }

    #[test]
    fn escapes_are_decoded() {
        for (view, text, meaning) in [
            (View::Percent, "a%2Fb%2fc%c3%A9%zz%", "a/b/cé%zz%"),
            (View::Backslash, r#"\u0041\/\"\\\x42\ud83d\ude00\q\ud83d\"#, "A/\"\\B\u{1f600}\\q\\ud83d\\"),
            (View::Backslash, r"\163\u{65}\U00000063\e\0\xc3\xa9", "sec\u{1b}\0é"),
            (View::Entity, "&amp;&#65;&#x42;&#X43;&no;&#;&", "&ABC&no;&#;&"),
            (View::Entity, "&#65&#x42,&lowbar;&plus;&sol;&equals;&#0000065;", "AB,_+/=A"),
            (View::Utf16, "\0a\0%\x002", "a%2"),
            (View::QuotedPrintable, "a=3D=\r\nb=\nc=zz=", "a=bc=zz="),
        ] {
            assert_eq!(decoded(text, view), meaning, "{view:?} of {text}");
        }
        for view in View::ALL {
            assert!(view.decode(b"nothing % \\ & = , here 12.", 6).is_none(), "{view:?}");
        }
    }

    #[test]
    fn runs_are_decoded() {
        for (view, text, meaning) in [
            (View::ByteList, r#"{"type":"Buffer","data":[97,98, 99]}"#, "abc|"),
            (View::ByteList, r#"{"0":97,"1":98,"2":195,"3":169}"#, "abé|"),
            (View::ByteList, "[97 98 99] and [\n  97,\n  -61,\n  -87\n]", "abc|aé|"),
            (View::ByteList, "1, 256, 97, 98, 1000, 3", "ab|"),
            (View::Hex, "<Buffer 61 62 63>", "abc|"),
            (View::Hex, "61:62:63 0x61, 0X62 x 6A-6b", "abcab|jk|"),
            (View::Hex, "6162634", "abc|"),
            (View::Base64, "YWJjZA== and (YWJj\r\nZGVm)", "abcd|jw|abcdef|"),
        ] {
            assert_eq!(decoded(text, view), meaning, "{view:?} of {text}");
        }
    }

    #[test]
    fn every_position_leads_back_to_its_source() {
        for (view, source, parts) in [
            (
                View::Percent,
                "ab%20cd%2F%2Fe",
                &[("ab", "ab"), (" cd", "%20cd"), ("//", "%2F%2F"), ("/e", "%2Fe"), ("d/", "d%2F")][..],
            ),
            (View::ByteList, "x [97, 98,\n 99] y", &[("ab", "97, 98"), ("bc", "98,\n 99"), ("b", "98")][..]),
            (View::Hex, "<61:62:63>", &[("ab", "61:62"), ("c", "63")][..]),
            (View::Base64, "<YWJj\nZGVm>", &[("abc", "YWJj"), ("cd", "YWJj\nZGVm"), ("f", "ZGVm")][..]),
        ] {
            let decoded = view.decode(source.as_bytes(), 3).unwrap();
            for (meaning, written) in parts {
                let start =
                    decoded.windows(meaning.len()).rposition(|part| part == meaning.as_bytes()).unwrap();
                let range = start..start + meaning.len();
                let located = view.locate(source.as_bytes(), 3, &[range]);
                let [located] = &located[..] else { panic!("{meaning}: {located:?}") };
                assert_eq!(&source[located.clone()], *written, "{view:?}");
            }
        }
    }
}
