//! Views without escapes: everything else stays as it is.

use std::ops::Range;

use memchr::memchr;

/// What an escape means, and how many bytes it is written in.
struct Escape {
    meaning: [u8; 4],
    length: usize,
    written: usize,
}

impl Escape {
    fn byte(byte: u8, written: usize) -> Self {
        Self { meaning: [byte, 0, 0, 0], length: 1, written }
    }

    fn character(character: char, written: usize) -> Self {
        let mut meaning = [0; 4];
        let length = character.encode_utf8(&mut meaning).len();
        Self { meaning, length, written }
    }

    /// Nothing: the text goes on.
    fn nothing(written: usize) -> Self {
        Self { meaning: [0; 4], length: 0, written }
    }
}

/// Calls `each` with the escapes that begin with `mark`, and with what is between them.
fn pieces(
    text: &[u8],
    mark: u8,
    decode: impl Fn(&[u8]) -> Option<Escape>,
    mut each: impl FnMut(Range<usize>, &[u8]),
) {
    let (mut kept, mut at, mut escaped) = (0, 0, false);
    let rest = |at: usize| text.get(at..).unwrap_or_default();
    while let Some(step) = memchr(mark, rest(at)) {
        let start = at + step;
        let Some(Escape { meaning, length, written }) = decode(rest(start)) else {
            at = start + 1;
            continue;
        };
        if kept < start {
            each(kept..start, text.get(kept..start).unwrap_or_default());
        }
        at = start + written;
        each(start..at, meaning.get(..length).unwrap_or_default());
        (kept, escaped) = (at, true);
    }
    if escaped && kept < text.len() {
        each(kept..text.len(), rest(kept));
    }
}

/// The view without `%2F`.
pub(super) fn percent(text: &[u8], each: impl FnMut(Range<usize>, &[u8])) {
    pieces(text, b'%', |bytes| Some(Escape::byte(hex_byte(bytes.get(1..3)?)?, 3)), each);
}

/// The view without `=2F` and without line breaks after `=`.
pub(super) fn quoted_printable(text: &[u8], each: impl FnMut(Range<usize>, &[u8])) {
    let decode = |bytes: &[u8]| match bytes.get(1)? {
        b'\n' => Some(Escape::nothing(2)),
        b'\r' if bytes.get(2) == Some(&b'\n') => Some(Escape::nothing(3)),
        _ => Some(Escape::byte(hex_byte(bytes.get(1..3)?)?, 3)),
    };
    pieces(text, b'=', decode, each);
}

/// The view without NULs: of UTF-16, its ASCII characters.
pub(super) fn utf16(text: &[u8], each: impl FnMut(Range<usize>, &[u8])) {
    pieces(text, 0, |_| Some(Escape::nothing(1)), each);
}

/// The view without backslashes.
pub(super) fn backslash(text: &[u8], each: impl FnMut(Range<usize>, &[u8])) {
    pieces(text, b'\\', backslash_escape, each);
}

/// The view without entities.
pub(super) fn entity(text: &[u8], each: impl FnMut(Range<usize>, &[u8])) {
    pieces(text, b'&', entity_escape, each);
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0_u32, |number, &digit| Some(number.checked_mul(16)? + char::from(digit).to_digit(16)?))
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    u8::try_from(hex(digits)?).ok()
}

fn backslash_escape(bytes: &[u8]) -> Option<Escape> {
    let control = |byte| Some(Escape::byte(byte, 2));
    match bytes.get(1)? {
        b'n' => control(b'\n'),
        b'r' => control(b'\r'),
        b't' => control(b'\t'),
        b'a' => control(7),
        b'b' => control(8),
        b'v' => control(11),
        b'f' => control(12),
        b'e' => control(27),
        &plain @ (b'"' | b'\'' | b'`' | b'\\' | b'/') => control(plain),
        // A byte, perhaps one of several of a character.
        b'x' => Some(Escape::byte(hex_byte(bytes.get(2..4)?)?, 4)),
        b'0'..=b'7' => octal(bytes.get(1..)?),
        b'u' => unicode(bytes),
        b'U' => Some(Escape::character(char::from_u32(hex(bytes.get(2..10)?)?)?, 10)),
        _ => None,
    }
}

/// One to three octal digits.
fn octal(bytes: &[u8]) -> Option<Escape> {
    let digits = bytes.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    let number = bytes.iter().take(digits).fold(0, |number, digit| number * 8 + u32::from(digit - b'0'));
    Some(Escape::byte(u8::try_from(number).ok()?, 1 + digits))
}

/// `\u002f`, two of them for a character beyond 16 bits, and `\u{2f}`.
fn unicode(bytes: &[u8]) -> Option<Escape> {
    if bytes.get(2) == Some(&b'{') {
        let digits = bytes.get(3..)?.iter().take(8).position(|&byte| byte == b'}')?;
        let number = hex(bytes.get(3..3 + digits).filter(|digits| !digits.is_empty())?)?;
        return Some(Escape::character(char::from_u32(number)?, digits + 4));
    }
    let unit = |at: usize| hex(bytes.get(at..at + 6)?.strip_prefix(b"\\u")?);
    match unit(0)? {
        high @ 0xd800..0xdc00 => {
            let low = unit(6).filter(|low| (0xdc00..0xe000).contains(low))?;
            let number = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            Some(Escape::character(char::from_u32(number)?, 12))
        }
        unit => Some(Escape::character(char::from_u32(unit)?, 6)),
    }
}

/// The names of ASCII characters in HTML. Encoders use the first five, and some use all.
#[rustfmt::skip] // several a line
const NAMED: [(&str, char); 37] = [
    ("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("apos", '\''),
    ("Tab", '\t'), ("NewLine", '\n'), ("excl", '!'), ("num", '#'), ("dollar", '$'), ("percnt", '%'), ("lpar", '('),
    ("rpar", ')'), ("ast", '*'), ("plus", '+'), ("comma", ','), ("period", '.'), ("vert", '|'), ("rbrace", '}'),
    ("sol", '/'), ("colon", ':'), ("semi", ';'), ("equals", '='), ("quest", '?'), ("commat", '@'), ("lsqb", '['),
    ("lbrack", '['), ("bsol", '\\'), ("rsqb", ']'), ("rbrack", ']'), ("Hat", '^'), ("lowbar", '_'), ("grave", '`'),
    ("lcub", '{'), ("lbrace", '{'), ("verbar", '|'), ("rcub", '}'),
];

const LONGEST_NAME: usize = "NewLine".len();

/// The longest number of a character that is decoded, in digits: seven, and leading zeros.
const LONGEST_NUMBER: usize = 12;

fn entity_escape(bytes: &[u8]) -> Option<Escape> {
    let inside = bytes.get(1..)?;
    if let Some(number) = inside.strip_prefix(b"#") {
        let (radix, digits) = match number {
            [b'x' | b'X', digits @ ..] => (16, digits),
            digits => (10, digits),
        };
        let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
        let length = digits.iter().take(LONGEST_NUMBER).take_while(is_digit).count();
        let number = std::str::from_utf8(digits.get(..length)?).ok()?;
        let number = u32::from_str_radix(number, radix).ok()?;
        // Browsers do not need the semicolon.
        let semicolon = usize::from(digits.get(length) == Some(&b';'));
        let written = 2 + usize::from(radix == 16) + length + semicolon;
        return Some(Escape::character(char::from_u32(number)?, written));
    }
    let length = inside.iter().take(LONGEST_NAME + 1).position(|&byte| byte == b';')?;
    let (_, character) = NAMED.iter().find(|(name, _)| Some(name.as_bytes()) == inside.get(..length))?;
    Some(Escape::character(*character, length + 2))
}
