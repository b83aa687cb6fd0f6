//! The fast searches find what a slow reference finds, in random texts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::json;

use super::*;

#[test]
fn no_position_at_which_an_encoding_begins_is_skipped() {
    let secrets = [SECRET, "hunter-22", "aaaaaaaa", "\u{ff}\u{fe}~~~???>>>"];
    let encodings = Encodings::new(&secrets.map(|secret| (secret, 0)));
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..2000 {
        let mut text = Vec::new();
        for _ in 0..random.usize(1..6) {
            match random.choice(encodings.all()) {
                Some(encoding) if random.bool() => {
                    let cut = random.usize(..=encoding.bytes().len());
                    let part = if random.bool() { encoding.bytes() } else { &encoding.bytes()[..cut] };
                    let flip = random.bool();
                    text.extend(part.iter().map(|b| if flip { b.to_ascii_uppercase() } else { *b }));
                }
                _ => text.extend((0..random.usize(..9)).map(|_| random.u8(..))),
            }
        }
        let mut everywhere = Vec::new();
        // A match begins at a byte that is not skipped.
        for at in (0..text.len()).filter(|&at| prefix_filter::is_significant(text[at])) {
            let work = &mut Work::for_text(text.len());
            everywhere.extend(
                encodings.all().iter().filter_map(|encoding| encoding.match_at(at, &text, work).unwrap()),
            );
        }
        let found = encodings.find(&text, &mut Work::for_text(text.len())).unwrap();
        let sorted = |mut ranges: Vec<Range<usize>>| {
            ranges.sort_by_key(|range| (range.start, range.end));
            ranges
        };
        assert_eq!(sorted(found), sorted(everywhere), "{}", text.escape_ascii());
    }
}

/// A string of what a service may write of `secret`: parts of it in any notation, and marks around them.
fn random_string(random: &mut fastrand::Rng, secret: &str) -> String {
    let mut text = String::new();
    for _ in 0..random.usize(..4) {
        let start = if random.u8(..4) == 0 { random.usize(..secret.len()) } else { 0 };
        let end = if random.bool() { secret.len() } else { random.usize(start..=secret.len()) };
        let part = &secret.as_bytes()[start..end];
        let encodings = Encodings::new(&[(secret, 0)]);
        text.push_str(&match random.u8(..9) {
            0 | 1 => String::from_utf8_lossy(part).into_owned(),
            2 => joined(part, "", |byte| format!("%{byte:02x}")),
            3 => joined(part, "", |byte| format!("&#{byte};")),
            4 => joined(part, "", |byte| format!("={byte:02X}")),
            5 => joined(part, ["", ":", ", "][random.usize(..3)], |byte| format!("{byte:02x}")),
            6 => joined(part, [",", ", "][random.usize(..2)], u8::to_string),
            7 => STANDARD_NO_PAD.encode(part),
            _ => random.choice(encodings.all()).map_or_else(String::new, |encoding| {
                let bytes = encoding.bytes();
                String::from_utf8_lossy(&bytes[..random.usize(..=bytes.len())]).into_owned()
            }),
        });
        let marks = [
            "", "", "", " ", "\n", "/", "\\", "\"", "%", "%2", "=", "&", "&#", "...", "…", "-", ",", "x",
            "7", "é",
        ];
        text.push_str(marks[random.usize(..marks.len())]);
    }
    text
}

/// `text` as the content of a string of JSON, perhaps with more escapes than it needs.
fn random_json_string(random: &mut fastrand::Rng, text: &str) -> String {
    let quoted = json!(text).to_string();
    let content = &quoted[1..quoted.len() - 1];
    match random.u8(..4) {
        0 => text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect(),
        1 => content.replace('/', "\\/"),
        _ => content.to_owned(),
    }
}

#[test]
fn strings_of_json_that_are_not_searched_have_no_credential() {
    let secrets = [
        "hunter-22x",
        "tok/en+abc~",
        "7123456789012345",
        "brace-at-the-end}",
        "pässwörd-7",
        "\u{ff}\u{fe}~~~???>>>",
        TOKEN,
    ];
    let mut random = fastrand::Rng::with_seed(11);
    let (mut skipped, mut only_in_strings) = (0, 0);
    for _ in 0..6000 {
        let secret = secrets[random.usize(..secrets.len())];
        let scrubber = Scrubber::new([secret]);
        let mut text = String::from("[0");
        for _ in 0..random.usize(1..4) {
            let written = random_string(&mut random, secret);
            let string = random_json_string(&mut random, &written);
            let number = &"7123456789"[random.usize(..3)..random.usize(3..=10)];
            text.push_str(&match random.u8(..5) {
                0 => format!(",{{\"{string}\":{number}}}"),
                1 => format!(",{{ \"{number}\" : \"{string}\" , \"b\": null }}"),
                2 => format!(",{number},\"{string}\",{number}"),
                3 => format!(",-{number}.5e{number}"),
                _ => format!(",\"{string}\""),
            });
        }
        text.push(']');
        // Of the replaced one, every string is searched.
        if matches!(scrubber.bytes(text.as_bytes()), Cow::Owned(_)) {
            continue;
        }
        let value: Value = serde_json::from_str(&text).unwrap();
        let mut clean = value.clone();
        scrubber.value(&mut clean);
        if scrubber.finds_nothing_in_json(text.as_bytes()) {
            assert_eq!(clean, value, "{secret} in {text}");
            skipped += 1;
        } else if clean != value {
            only_in_strings += 1;
        }
    }
    assert!(skipped > 500 && only_in_strings > 20, "{skipped}, {only_in_strings}");
}
