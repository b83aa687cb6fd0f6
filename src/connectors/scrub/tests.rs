use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::json;

use super::*;

const SECRET: &str = "s3cr/t+\"q&é='x' ~Zy";

fn clean(secret: &str, text: &str) -> String {
    Scrubber::new([secret]).text(text).into_owned()
}

#[test]
fn the_text_itself_is_removed_and_nothing_else() {
    assert_eq!(
        clean("hunter-22", "a hunter-22 b HUNTER-22 c hunter-2"),
        format!("a {REMOVED} b {REMOVED} c hunter-2")
    );
    assert!(matches!(Scrubber::new(["hunter-22"]).text("nothing here"), Cow::Borrowed(_)));
}

#[test]
fn what_only_begins_like_a_credential_stays() {
    assert_eq!(clean("hunter-22-long", "a hunter-22-lung b"), "a hunter-22-lung b");
    assert_eq!(clean("hunter-22-long", "hunter-2hunter-22-LONG"), format!("hunter-2{REMOVED}"));
}

#[test]
fn every_encoding_is_removed() {
    let form: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let full: String = SECRET.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let strict =
        percent_encoding::utf8_percent_encode(SECRET, percent_encoding::NON_ALPHANUMERIC).to_string();
    let mut url = url::Url::parse("http://a.example/").unwrap();
    url.query_pairs_mut().append_pair("k", SECRET);
    let mut password = url::Url::parse("http://a.example/").unwrap();
    password.set_password(Some(SECRET)).unwrap();
    let json = serde_json::to_string(SECRET).unwrap();
    let escaped: String = SECRET.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    let hex: String = SECRET.bytes().map(|byte| format!("{byte:02X}")).collect();
    let html = SECRET.replace('&', "&amp;").replace('"', "&quot;").replace('\'', "&#39;");
    let twice = json!(json).to_string();
    let mixed = SECRET.replace('s', "%73").replace('/', "%2f");
    let encoded = [
        mixed,
        percent_encoding::utf8_percent_encode(&strict, percent_encoding::NON_ALPHANUMERIC).to_string(),
        form.clone(),
        form.to_lowercase(),
        full,
        strict.clone(),
        strict.to_lowercase(),
        url.query().unwrap().split_once('=').unwrap().1.to_owned(),
        password.password().unwrap().to_owned(),
        json.trim_matches('"').to_owned(),
        json.trim_matches('"').replace('/', "\\/"),
        escaped,
        hex,
        html,
    ];
    for text in encoded {
        let clean = clean(SECRET, &format!("<{text}>"));
        assert_eq!(clean, format!("<{REMOVED}>"), "from {text}");
    }
    let mut parsed = serde_json::from_str(&twice).unwrap();
    Scrubber::new([SECRET]).value(&mut parsed);
    assert_eq!(parsed, json!(format!("\"{REMOVED}\"")));
}

#[test]
fn base64_is_removed_at_every_offset_in_every_alphabet() {
    for secret in ["hunter22", "hunter222", "hunter2222", SECRET, "\u{ff}\u{fe}~~~???>>>"] {
        for before in ["", "a", "ab", "abc", "Bearer ", "user:", "x-access-token:"] {
            for behind in ["", "z", "yz", ":more"] {
                let whole = format!("{before}{secret}{behind}");
                for encoded in [
                    STANDARD.encode(&whole),
                    STANDARD_NO_PAD.encode(&whole),
                    URL_SAFE.encode(&whole),
                    URL_SAFE_NO_PAD.encode(&whole),
                ] {
                    let clean = clean(secret, &encoded);
                    assert!(clean.contains(REMOVED), "{encoded} stayed");
                    let rest = clean.replace(REMOVED, "");
                    let own = STANDARD_NO_PAD.encode(before).len() + STANDARD_NO_PAD.encode(behind).len() + 2;
                    assert!(rest.len() <= own, "{rest} is left of {encoded}");
                }
            }
        }
    }
}

#[test]
fn overlapping_credentials_are_removed_together() {
    let scrubber = Scrubber::new(["abcdefgh", "efghijkl"]);
    assert_eq!(scrubber.text("..abcdefghijkl.."), format!("..{REMOVED}.."));
}

#[test]
fn keys_strings_and_numbers_of_json_are_clean() {
    let scrubber = Scrubber::new(["hunter-22", "123456789"]);
    let mut value = json!({ "a hunter-22": ["hunter-22", { "n": 123_456_789, "ok": 12 }], "k": "v" });
    scrubber.value(&mut value);
    assert_eq!(value, json!({ "a [credential removed]": [REMOVED, { "n": REMOVED, "ok": 12 }], "k": "v" }));
}

#[test]
fn a_short_secret_is_removed_only_if_it_is_the_whole_text() {
    let scrubber = Scrubber::new(["bob"]);
    let mut value = json!(["bob", "bobsled", { "by": "bob" }]);
    scrubber.value(&mut value);
    assert_eq!(value, json!([REMOVED, "bobsled", { "by": REMOVED }]));
    assert_eq!(scrubber.text("bob"), REMOVED);
}

#[test]
fn an_empty_secret_removes_nothing() {
    assert_eq!(Scrubber::new(["", "  "]).text("any text"), "any text");
}

#[test]
fn no_position_at_which_an_encoding_begins_is_skipped() {
    let scrubber = Scrubber::new([SECRET, "hunter-22", "aaaaaaaa", "\u{ff}\u{fe}~~~???>>>"]);
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..2000 {
        let mut text = Vec::new();
        for _ in 0..random.usize(1..6) {
            match random.choice(&scrubber.encodings) {
                Some(encoding) if random.bool() => {
                    let cut = random.usize(..=encoding.bytes().len());
                    let part = if random.bool() { encoding.bytes() } else { &encoding.bytes()[..cut] };
                    let flip = random.bool();
                    text.extend(part.iter().map(|b| if flip { b.to_ascii_uppercase() } else { *b }));
                }
                _ => text.extend((0..random.usize(..9)).map(|_| random.u8(..))),
            }
        }
        let everywhere = (0..text.len()).flat_map(|at| {
            scrubber.encodings.iter().filter_map(|encoding| encoding.match_at(at, &text)).collect::<Vec<_>>()
        });
        assert_eq!(scrubber.find_plain(&text), everywhere.collect::<Vec<_>>(), "{}", text.escape_ascii());
    }
}

#[test]
fn debug_shows_nothing() {
    assert_eq!(format!("{:?}", Scrubber::new(["hunter-22"])), "Scrubber { .. }");
}
