//! A slow search for a credential, as plain as possible: it decodes the whole text in every notation, what comes out of
//! that again, and looks for the credential in each result.

/// How many notations are decoded, one in the other.
const DEPTH: usize = 2;

/// A credential shorter than this is found only without white space inside.
const BROKEN: usize = 8;

/// Whether `text` contains `credential`, in up to [`DEPTH`] notations and an encoding.
pub(crate) fn contains(text: &[u8], credential: &str) -> bool {
    let utf16 = |order: fn(u16) -> [u8; 2]| credential.encode_utf16().flat_map(order).collect();
    let latin1: Option<Vec<u8>> = credential.chars().map(|c| u8::try_from(c).ok()).collect();
    let encoded: Vec<Vec<u8>> = latin1.into_iter().chain([credential.into()]).collect();
    let plain = [encoded.clone(), vec![utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)]].concat();
    contains_any(text, &Forms { plain, encoded }, DEPTH)
}

/// A credential in the character encodings in which it is searched for.
struct Forms {
    plain: Vec<Vec<u8>>,
    /// Those that are searched for at every offset of hexadecimal and Base64.
    encoded: Vec<Vec<u8>>,
}

/// Decodes a whole text.
type View = fn(&[u8]) -> Vec<u8>;

fn contains_any(text: &[u8], forms: &Forms, depth: usize) -> bool {
    let compact = without(text, |byte| byte == 0 || is_white(byte));
    let from = |offset: usize| compact.get(offset..).unwrap_or_default();
    let digits: Vec<Vec<u8>> =
        (0..2).map(|offset| hex(from(offset))).chain((0..4).map(|offset| base64(from(offset)))).collect();
    let encoded = forms.encoded.iter().any(|form| digits.iter().any(|text| has(text, form)));
    let plain = forms.plain.iter().any(|form| {
        let whole = without(form, |byte| byte == 0 || is_white(byte));
        if whole.len() < BROKEN {
            has(&without(text, |byte| byte == 0), &without(form, |byte| byte == 0))
        } else {
            has(&compact, &whole)
        }
    });
    let Some(depth) = depth.checked_sub(1) else { return plain || encoded };
    let views: [View; 8] =
        [percent, backslash, entity, quoted_printable, utf16, numbers, separated_hex, base64_runs];
    let mut views = views.iter().map(|view| view(text)).filter(|view| view != text);
    plain || encoded || views.any(|view| contains_any(&view, forms, depth))
}

fn is_white(byte: u8) -> bool {
    matches!(byte, 9..=13 | 32)
}

fn without(text: &[u8], dropped: impl Fn(u8) -> bool) -> Vec<u8> {
    text.iter().copied().filter(|byte| !dropped(*byte)).collect()
}

/// Whether `text` contains `part`, regardless of case.
fn has(text: &[u8], part: &[u8]) -> bool {
    part.len() >= 6 && text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

/// Pairs of digits as bytes; 0xff for others.
fn hex(text: &[u8]) -> Vec<u8> {
    text.chunks(2)
        .map(|pair| number(pair, 16).filter(|_| pair.len() == 2).map_or(0xff, |n| n as u8))
        .collect()
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u32::from_str_radix(digits, radix).ok()
}

/// Groups of four characters as three bytes; 0xff after a group that ends early.
fn base64(text: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let value = |byte: u8| {
        let byte = match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        };
        ALPHABET.iter().position(|&letter| letter == byte)
    };
    let mut decoded = Vec::new();
    for group in text.chunks(4) {
        let values: Vec<usize> = group.iter().map_while(|byte| value(*byte)).collect();
        let bits = (0..4).fold(0, |bits, at| bits << 6 | values.get(at).copied().unwrap_or(0));
        let bytes = [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8];
        decoded.extend_from_slice(&bytes[..(values.len() * 6 / 8)]);
        if values.len() < 4 {
            decoded.push(0xff);
        }
    }
    decoded
}

/// `text` with each escape that `escape` decodes at a position replaced by what it means.
fn unescaped(text: &[u8], escape: impl Fn(&[u8]) -> Option<(Vec<u8>, usize)>) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.first() {
        let (meaning, length) = escape(rest).unwrap_or((vec![*first], 1));
        decoded.extend(meaning);
        rest = &rest[length..];
    }
    decoded
}

fn byte_after(text: &[u8], mark: &[u8]) -> Option<(Vec<u8>, usize)> {
    let digits = text.strip_prefix(mark)?.get(..2)?;
    Some((vec![number(digits, 16)? as u8], mark.len() + 2))
}

fn percent(text: &[u8]) -> Vec<u8> {
    unescaped(text, |rest| byte_after(rest, b"%"))
}

fn utf16(text: &[u8]) -> Vec<u8> {
    without(text, |byte| byte == 0)
}

fn quoted_printable(text: &[u8]) -> Vec<u8> {
    unescaped(text, |rest| match rest {
        [b'=', b'\r', b'\n', ..] => Some((Vec::new(), 3)),
        [b'=', b'\n', ..] => Some((Vec::new(), 2)),
        _ => byte_after(rest, b"="),
    })
}

fn backslash(text: &[u8]) -> Vec<u8> {
    let unit = |rest: &[u8]| number(rest.strip_prefix(b"\\u")?.get(..4)?, 16).map(|unit| unit as u16);
    unescaped(text, |rest| match rest {
        [b'\\', b'n', ..] => Some((b"\n".to_vec(), 2)),
        [b'\\', b'r', ..] => Some((b"\r".to_vec(), 2)),
        [b'\\', b't', ..] => Some((b"\t".to_vec(), 2)),
        [b'\\', c @ (b'"' | b'\'' | b'\\' | b'/'), ..] => Some((vec![*c], 2)),
        [b'\\', b'x', ..] => byte_after(rest, b"\\x"),
        [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
            number(&[*a, *b, *c], 8).map(|byte| (vec![byte as u8], 4))
        }
        [b'\\', b'u', ..] => {
            let first = unit(rest)?;
            let pair =
                rest.get(6..).and_then(unit).and_then(|second| String::from_utf16(&[first, second]).ok());
            match pair.filter(|pair| pair.chars().count() == 1) {
                Some(pair) => Some((pair.into_bytes(), 12)),
                None => Some((String::from_utf16(&[first]).ok()?.into_bytes(), 6)),
            }
        }
        _ => None,
    })
}

fn entity(text: &[u8]) -> Vec<u8> {
    const NAMED: [(&[u8], &[u8]); 5] =
        [(b"&amp;", b"&"), (b"&lt;", b"<"), (b"&gt;", b">"), (b"&quot;", b"\""), (b"&apos;", b"'")];
    unescaped(text, |rest| {
        if let Some((name, meaning)) = NAMED.iter().find(|(name, _)| rest.starts_with(name)) {
            return Some((meaning.to_vec(), name.len()));
        }
        let digits = rest.strip_prefix(b"&#")?;
        let end = digits.iter().take(9).position(|byte| *byte == b';')?;
        let character = char::from_u32(number(&digits[..end], 10)?)?;
        Some((character.to_string().into_bytes(), end + 3))
    })
}

/// The numbers of lists, where white space, commas and keys are between them; 0xff after each list.
fn numbers(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match number(&rest[..digits], 10).and_then(|number| u8::try_from(number).ok()).filter(|_| digits <= 3)
        {
            Some(byte) => decoded.push(byte),
            None => decoded.push(0xff),
        }
        rest = &rest[digits.max(usize::from(digits == 0))..];
        let separator = separator(rest);
        if separator == 0 {
            decoded.push(0xff);
        }
        rest = &rest[separator..];
    }
    decoded
}

/// The length of `, ` or ` ` or `,"12":` at the beginning of `text`.
fn separator(text: &[u8]) -> usize {
    let white = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let mut length = white(text);
    if text.get(length) == Some(&b',') {
        length += 1;
        length += white(&text[length..]);
    }
    if length > 0 && text.get(length) == Some(&b'"') {
        let digits = text[length + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if text[length + 1 + digits..].starts_with(b"\":") {
            length += digits + 3;
        }
    }
    length
}

/// Pairs of digits with the same separators everywhere, or `0x`; 0xff for everything else.
fn separated_hex(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let start = if rest.starts_with(b"0x") { 2 } else { 0 };
        if let Some(byte) = rest.get(start..start + 2).and_then(|pair| number(pair, 16)) {
            decoded.push(byte as u8);
            rest = &rest[start + 2..];
            rest = &rest[rest.iter().take_while(|b| b.is_ascii_whitespace() || b":-,".contains(b)).count()..];
        } else {
            decoded.push(0xff);
            rest = &rest[1..];
        }
    }
    decoded
}

/// The longest runs of the alphabet, in lines or not; 0xff between them.
fn base64_runs(text: &[u8]) -> Vec<u8> {
    let in_run = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_\r\n".contains(byte);
    let mut decoded = Vec::new();
    for run in text.split(|byte| !in_run(byte)) {
        decoded.extend(base64(&without(run, |byte| b"\r\n".contains(&byte))));
        decoded.push(0xff);
    }
    decoded
}
