//! Views of runs of encoded bytes: only what the runs mean, with [`BREAK`] after each.

use std::ops::Range;

use super::BREAK;

/// The bytes of which a run consists: whether each byte is one of them.
struct Class([bool; 256]);

impl Class {
    const fn new(bytes: &[u8]) -> Self {
        let mut class = [false; 256];
        let mut at = 0;
        while at < bytes.len() {
            class[bytes[at] as usize] = true;
            at += 1;
        }
        Self(class)
    }

    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    /// The longest ranges of `text` that consist of these bytes and have at least `least` of them. Looks only at every
    /// `least`th byte where there are none.
    fn spans(&self, text: &[u8], least: usize) -> impl Iterator<Item = Range<usize>> {
        let least = least.max(1);
        let mut at = 0_usize;
        std::iter::from_fn(move || {
            loop {
                // A span that begins at `at` or later, and before the probe, contains it.
                let probe = at.checked_add(least - 1)?;
                if !self.has(*text.get(probe)?) {
                    at = probe + 1;
                    continue;
                }
                let is_outside = |byte: &u8| !self.has(*byte);
                let start =
                    text.get(at..probe)?.iter().rposition(is_outside).map_or(at, |last| at + last + 1);
                let end =
                    text.get(probe..)?.iter().position(is_outside).map_or(text.len(), |after| probe + after);
                at = end;
                if end - start >= least {
                    return Some(start..end);
                }
            }
        })
    }
}

/// The bytes of one run: where the next one is written, and what it is. Ends where the run ends.
trait Run: Iterator<Item = (Range<usize>, u8)> + Clone {}
impl<T: Iterator<Item = (Range<usize>, u8)> + Clone> Run for T {}

/// Calls `each` with the bytes of every run in `span` that has at least `shortest` bytes. `run_at` is the run that begins at
/// a position; it has no bytes if none begins there.
fn pieces<R: Run>(
    span: Range<usize>,
    shortest: usize,
    run_at: impl Fn(usize) -> R,
    each: &mut impl FnMut(Range<usize>, &[u8]),
) {
    let mut at = span.start;
    while at < span.end {
        let run = run_at(at);
        let Some((count, end)) = run.clone().zip(1..).last().map(|((range, _), count)| (count, range.end))
        else {
            at += 1;
            continue;
        };
        if count >= shortest {
            run.for_each(|(range, byte)| each(range, &[byte]));
            each(end..end, &[BREAK]);
        }
        at = end;
    }
}

/// The view of lists of numbers from 0 to 255, or from -128 to 127.
pub(super) fn byte_list(text: &[u8], shortest: usize, mut each: impl FnMut(Range<usize>, &[u8])) {
    static CLASS: Class = Class::new(b"0123456789,-\":\t\n\x0c\r ");
    // The digits and what separates them, without the last separator.
    for span in CLASS.spans(text, shortest.saturating_mul(2).saturating_sub(1)) {
        pieces(span, shortest, |at| ByteList { text, at, first: true }, &mut each);
    }
}

#[derive(Clone)]
struct ByteList<'t> {
    text: &'t [u8],
    at: usize,
    first: bool,
}

impl Iterator for ByteList<'_> {
    type Item = (Range<usize>, u8);

    fn next(&mut self) -> Option<Self::Item> {
        let is_part = |at: usize| self.text.get(at).is_some_and(u8::is_ascii_digit);
        let start = if self.first { self.at } else { after_separator(self.text, self.at)? };
        if self.first && start.checked_sub(1).is_some_and(is_part) {
            return None;
        }
        let negative = self.text.get(start) == Some(&b'-');
        let digits = start + usize::from(negative);
        let end = digits + digits_at(self.text, digits);
        let number: i16 = std::str::from_utf8(self.text.get(start..end)?).ok()?.parse().ok()?;
        let byte =
            if negative { i8::try_from(number).ok()?.cast_unsigned() } else { u8::try_from(number).ok()? };
        (self.at, self.first) = (end, false);
        Some((start..end, byte))
    }
}

/// How many digits are at `at`; more than four are not counted.
fn digits_at(text: &[u8], at: usize) -> usize {
    text.get(at..).unwrap_or_default().iter().take(4).take_while(|byte| byte.is_ascii_digit()).count()
}

/// The position after what separates two numbers of a list: white space or a comma, and then perhaps the key of the next
/// one. `None` if nothing does.
fn after_separator(text: &[u8], start: usize) -> Option<usize> {
    let white = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
    };
    let mut at = white(start);
    if text.get(at) == Some(&b',') {
        at = white(at + 1);
    }
    if at == start {
        return None;
    }
    if text.get(at) == Some(&b'"') {
        let key = text.get(at + 1..)?.iter().take(20).position(|byte| !byte.is_ascii_digit())?;
        let after = white(text.get(at + 1 + key..)?.strip_prefix(b"\"").map(|_| at + key + 2)?);
        at = white((text.get(after) == Some(&b':')).then_some(after + 1)?);
    }
    Some(at)
}

/// The view of runs of bytes in hexadecimal.
pub(super) fn hex(text: &[u8], shortest: usize, mut each: impl FnMut(Range<usize>, &[u8])) {
    static CLASS: Class = Class::new(b"0123456789abcdefABCDEFxX:-,\t\n\x0c\r ");
    for span in CLASS.spans(text, shortest.saturating_mul(2)) {
        pieces(span, shortest, |at| Hex { text, at, first: true }, &mut each);
    }
}

#[derive(Clone)]
struct Hex<'t> {
    text: &'t [u8],
    at: usize,
    first: bool,
}

impl Iterator for Hex<'_> {
    type Item = (Range<usize>, u8);

    fn next(&mut self) -> Option<Self::Item> {
        let separators = |rest: &[u8]| {
            rest.iter().take_while(|byte| byte.is_ascii_whitespace() || b":-,".contains(byte)).count()
        };
        let mut start = self.at;
        if !self.first {
            start += separators(self.text.get(start..)?);
        }
        let marked = matches!(self.text.get(start..start + 2), Some([b'0', b'x' | b'X']));
        let digits = start + if marked { 2 } else { 0 };
        let digit = |at: usize| char::from(*self.text.get(at)?).to_digit(16);
        let byte = u8::try_from(digit(digits)? << 4 | digit(digits + 1)?).ok()?;
        (self.at, self.first) = (digits + 2, false);
        Some((start..digits + 2, byte))
    }
}

/// The view of runs in Base64, in either alphabet, with or without line breaks.
pub(super) fn base64(text: &[u8], shortest: usize, mut each: impl FnMut(Range<usize>, &[u8])) {
    static CLASS: Class =
        Class::new(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_\r\n");
    for span in CLASS.spans(text, shortest.saturating_mul(4).div_ceil(3)) {
        let mut group = (0_u32, 0, span.start);
        let mut count = 0;
        let mut last = span.start;
        for (at, sextet) in span.clone().filter_map(|at| Some((at, sextet(*text.get(at)?)?))) {
            let (bits, digits, start) = group;
            let start = if digits == 0 { at } else { start };
            group = (bits << 6 | sextet, digits + 1, start);
            last = at + 1;
            if digits + 1 == 4 {
                let [_, bytes @ ..] = group.0.to_be_bytes();
                each(start..last, &bytes);
                group = (0, 0, last);
                count += 3;
            }
        }
        // Two digits mean one byte, and three mean two.
        let (bits, digits, start) = group;
        if digits >= 2 {
            let [_, bytes @ ..] = (bits << (6 * (4 - digits))).to_be_bytes();
            each(start..last, bytes.get(..digits - 1).unwrap_or_default());
            count += digits - 1;
        }
        if count > 0 {
            each(last..last, &[BREAK]);
        }
    }
}

/// The digits of Base64 in the order of their values, in both alphabets.
const DIGITS: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

/// The value of each byte as a digit of Base64; [`NO_DIGIT`] for all others.
static SEXTETS: [u8; 256] = {
    let mut sextets = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 64 {
        sextets[DIGITS[0][value] as usize] = value as u8;
        sextets[DIGITS[1][value] as usize] = value as u8;
        value += 1;
    }
    sextets
};

const NO_DIGIT: u8 = u8::MAX;

fn sextet(byte: u8) -> Option<u32> {
    let sextet = SEXTETS[usize::from(byte)];
    (sextet != NO_DIGIT).then_some(u32::from(sextet))
}
