//! Puts the replacement in the place of credentials, such that JSON stays JSON.

use std::ops::Range;

use cofferdam_vault::files::BYTE_ORDER_MARK;

use super::REMOVED;

/// `text` with each of the ordered `ranges` replaced.
///
/// In JSON, what is replaced may be a number, the numbers of a list of bytes, or an object. The replacement is then a
/// string.
pub(super) fn replace(text: &[u8], ranges: Vec<Range<usize>>) -> Vec<u8> {
    let mut json = is_json(text).then(JsonStrings::default);
    let mut clean = Vec::with_capacity(text.len());
    let mut kept = 0;
    for range in ranges {
        // The number before may have contained this one.
        let mut range = range.start.max(kept)..range.end;
        if range.is_empty() {
            continue;
        }
        let quoted = json.as_mut().is_some_and(|strings| {
            let outside = !strings.is_inside_at(text, range.start);
            outside && !strings.is_inside_at(text, range.end)
        });
        if quoted {
            range = whole_number(text, range, kept);
        }
        let quote: &[u8] = if quoted { b"\"" } else { b"" };
        clean.extend_from_slice(text.get(kept..range.start).unwrap_or_default());
        for part in [quote, REMOVED.as_bytes(), quote] {
            clean.extend_from_slice(part);
        }
        kept = range.end;
    }
    clean.extend_from_slice(text.get(kept..).unwrap_or_default());
    clean
}

/// Whether `text` looks like a JSON array or object.
fn is_json(text: &[u8]) -> bool {
    let text = text.strip_prefix(BYTE_ORDER_MARK.as_bytes()).unwrap_or(text).trim_ascii();
    matches!((text.first(), text.last()), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')))
}

/// `range` with the rest of the numbers at its edges, but nothing before `kept`.
fn whole_number(text: &[u8], range: Range<usize>, kept: usize) -> Range<usize> {
    let in_number = |byte: &&u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let before = text.get(kept..range.start).unwrap_or_default().iter().rev().take_while(in_number).count();
    let after = text.get(range.end..).unwrap_or_default().iter().take_while(in_number).count();
    range.start - before..range.end + after
}

/// Which positions of a JSON text are inside a string, from its beginning on.
#[derive(Default)]
struct JsonStrings {
    at: usize,
    inside: bool,
    escaped: bool,
}

impl JsonStrings {
    /// Whether the byte at `position` is inside a string or ends one. Positions must be asked for in order.
    fn is_inside_at(&mut self, text: &[u8], position: usize) -> bool {
        for &byte in text.get(self.at..position).unwrap_or_default() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.inside => self.escaped = true,
                b'"' => self.inside = !self.inside,
                _ => {}
            }
        }
        self.at = position.max(self.at);
        self.inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str, parts: &[&str]) -> String {
        let ranges = parts.iter().map(|part| {
            let start = text.find(part).unwrap();
            start..start + part.len()
        });
        String::from_utf8(replace(text.as_bytes(), ranges.collect())).unwrap()
    }

    #[test]
    fn json_stays_json() {
        for (text, part, clean) in [
            (r#"{"n":123456789}"#, "123456789", r#"{"n":"[credential removed]"}"#),
            (r#"{"n":-91234567895e3,"m":1}"#, "123456789", r#"{"n":"[credential removed]","m":1}"#),
            (r#"[1,115,101,2]"#, "115,101", r#"[1,"[credential removed]",2]"#),
            (r#"{"a":{"k":"v"}}"#, r#"{"k":"v"}"#, r#"{"a":"[credential removed]"}"#),
            (r#"{"a":"x\"abc y"}"#, "abc", r#"{"a":"x\"[credential removed] y"}"#),
            (r#"{"a\\":"abc"}"#, "abc", r#"{"a\\":"[credential removed]"}"#),
            ("[error] abc", "abc", "[error] [credential removed]"),
        ] {
            assert_eq!(replaced(text, &[part]), clean);
        }
        let twice = replaced("[12314567,89]", &["123", "456"]);
        assert_eq!(twice, r#"["[credential removed]",89]"#, "two in one number");
    }
}
