//! Which strings of a JSON text have to be searched by themselves, once the text has been searched as a whole.
//!
//! Most need not be. A string without escapes is a part of the text, and nothing that a view decodes crosses its quotes. So
//! it holds no credential if the text holds none, with one exception: where a string ends, a credential may have been cut
//! off. In the text, a quotation mark follows instead, after which a credential counts as cut off, too, but not in every
//! case.

use memchr::{memchr2, memchr3};

use super::prefix_filter::is_white_space;

/// A part of a JSON text that becomes a value or a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'t> {
    /// A string, with its quotes if it has escapes.
    Plain(&'t [u8]),
    Escaped(&'t [u8]),
    /// What is between two strings: numbers, literals and structure.
    Between(&'t [u8]),
}

/// The strings of a JSON text, and what is between them. Ends early if the text does.
pub(super) fn parts(text: &[u8]) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    let mut inside = false;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if !inside {
            // Mostly one byte.
            let end = rest.iter().position(|&byte| byte == b'"').unwrap_or(rest.len());
            let between = rest.get(..end)?;
            rest = rest.get(end..)?;
            inside = true;
            return Some(Part::Between(between));
        }
        inside = false;
        let content = rest.get(1..)?;
        let length = memchr2(b'"', b'\\', content)?;
        let plain = content.get(length) == Some(&b'"');
        let length = if plain { length } else { length + end_of_escaped(content.get(length..)?)? };
        let (string, quoted) = (content.get(..length)?, rest.get(..length + 2)?);
        rest = content.get(length + 1..)?;
        Some(if plain { Part::Plain(string) } else { Part::Escaped(quoted) })
    })
}

/// The position of the quote that ends a string with escapes.
fn end_of_escaped(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// Whether a string of `text` without escapes has to be searched although `text` has no credential: a credential that is cut
/// off at the end of the string counts as one only there, in the string or in a view of it that ends with it.
pub(super) fn may_be_cut_off(text: &[u8]) -> impl Fn(&[u8]) -> bool {
    const MARKS: [u8; 3] = *b"%&=";
    let [percent, ampersand, equals] = MARKS;
    // Few texts have any.
    let has_marks = memchr3(percent, ampersand, equals, text).is_some();
    move |string| {
        let ends_openly = |byte: &u8| is_white_space(*byte) || byte.is_ascii_punctuation();
        string.last().is_some_and(ends_openly) || has_marks && string.iter().any(|byte| MARKS.contains(byte))
    }
}

/// The numbers in what is between two strings that may have `shortest` bytes once they are parsed: with an exponent, one
/// more than as they are written, its sign.
pub(super) fn numbers(structure: &[u8], shortest: usize) -> impl Iterator<Item = &[u8]> {
    let in_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let may_be_long = move |text: &&[u8]| text.len() + 1 >= shortest;
    Some(structure)
        .filter(may_be_long)
        .into_iter()
        .flat_map(move |structure| structure.split(move |byte| !in_number(byte)))
        .filter(may_be_long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_divided_at_its_quotes() {
        let text = br#"{"a":1,"b\"\\":["c",""],"\u0041":null}"#;
        let expected = [
            Part::Between(b"{"),
            Part::Plain(b"a"),
            Part::Between(b":1,"),
            Part::Escaped(br#""b\"\\""#),
            Part::Between(b":["),
            Part::Plain(b"c"),
            Part::Between(b","),
            Part::Plain(b""),
            Part::Between(b"],"),
            Part::Escaped(br#""\u0041""#),
            Part::Between(b":null}"),
        ];
        let count = expected.len();
        assert!(parts(text).eq(expected));
        assert!(parts(b"7").eq([Part::Between(b"7")]));
        for end in 0..text.len() {
            assert!(parts(&text[..end]).count() <= count, "a text that ends early has no more parts");
        }
    }
}
