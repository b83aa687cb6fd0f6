//! What is removed of a text, and what stays.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::json;

use super::*;

fn clean(secret: &str, text: &str) -> String {
    Scrubber::new([secret]).text(text).into_owned()
}

/// `text` in lines of `width` characters.
fn wrapped(text: &str, width: usize, end: &str) -> String {
    let lines: Vec<&str> =
        text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join(end)
}

#[test]
fn the_text_itself_is_removed_and_nothing_else() {
    assert_eq!(
        clean("hunter-22", "a hunter-22 b HUNTER-22 c hunter-2, hunter-"),
        format!("a {REMOVED} b {REMOVED} c hunter-2, hunter-")
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
fn no_field_is_left_out_because_it_contains_another() {
    let pair = format!("github:{TOKEN}");
    let fields = ["github", TOKEN, &pair];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let scrubber = Scrubber::new(order.map(|at| fields[at]));
        assert_eq!(scrubber.text(TOKEN), REMOVED);
        assert_eq!(scrubber.text(&TOKEN[..30]), REMOVED, "cut short");
        let encoded = scrubber.text(&STANDARD.encode(&pair)).into_owned();
        assert_eq!(encoded.trim_end_matches('='), REMOVED);
        // The user name is elsewhere than in the password.
        let text = format!("github and {TOKEN} in base64: {}", STANDARD.encode(format!("xy{TOKEN}")));
        let clean = scrubber.text(&text).into_owned();
        let rest = clean.replace(REMOVED, "");
        assert!(rest.len() <= " and  in base64: eHk".len() + 3, "{clean}");
    }
}

#[test]
fn a_credential_that_is_broken_by_white_space_is_removed_whole() {
    let file = format!("DB_HOST=localhost\nTOKEN=\"{TOKEN}\"\nDEBUG=1\n");
    for width in [1, 3, 7, 60, 64, 76] {
        for end in ["\n", "\r\n", "\n  ", "\\n", "\\r\\n", " "] {
            for text in [
                wrapped(&STANDARD.encode(TOKEN), width, end),
                wrapped(&STANDARD.encode(&file), width, end),
                wrapped(&TOKEN.bytes().map(|b| format!("{b:02x}")).collect::<String>(), width, end),
                wrapped(TOKEN, width, end),
            ] {
                let clean = clean(TOKEN, &text);
                let compact = clean.replace("\\n", "").replace("\\r", "").replace(char::is_whitespace, "");
                let compact = compact.replace("[credentialremoved]", "");
                // What is left is at most the rest of the file.
                assert!(compact.len() < 60 && clean.contains(REMOVED), "{text}\n{clean}");
            }
        }
    }
    // A short one only without: its letters may follow each other by chance.
    assert_eq!(clean("thesis", "the sister of thesis"), format!("the sister of {REMOVED}"));
}

#[test]
fn bytes_that_are_written_one_by_one_are_removed() {
    let bytes = TOKEN.as_bytes();
    let decimal = |separator| joined(bytes, separator, u8::to_string);
    let keyed: Vec<String> = bytes.iter().enumerate().map(|(at, byte)| format!("\"{at}\":{byte}")).collect();
    let texts = [
        format!(r#"{{"type":"Buffer","data":[{}]}}"#, decimal(",")),
        format!("[\n  {}\n]", decimal(",\n  ")),
        format!("[{}]", decimal(" ")),
        format!("{{{}}}", keyed.join(",")),
        format!("{{{}}}", keyed.join(", ").replace(':', ": ")),
        format!("<Buffer {}>", joined(bytes, " ", |b| format!("{b:02x}"))),
        joined(bytes, ":", |b| format!("{b:02X}")),
        joined(bytes, "-", |b| format!("{b:02X}")),
        joined(bytes, ", ", |b| format!("0x{b:02X}")),
        joined(bytes, "", |b| format!("\\x{b:02X}")),
        joined(bytes, "", |b| format!("\\{b:03o}")),
        joined(bytes, "", |b| format!("={b:02X}")),
        wrapped(TOKEN, 70, "=\r\n"),
        joined(bytes, "", |b| format!("&#x{b:x};")),
        joined(bytes, "", |b| format!("&#{b}")),
    ];
    let scrubber = Scrubber::new([TOKEN]);
    for text in &texts {
        // As the text of an answer, and as a string of one.
        for text in [text.clone(), json!({ "seen": text }).to_string()] {
            let clean = scrubber.text(&text).into_owned();
            let left = clean.replace(REMOVED, "").replace("Buffer", "");
            assert!(clean.contains(REMOVED) && left.len() < 50, "{text}\n{clean}");
            let stays = serde_json::from_str::<Value>(&text).is_err()
                || serde_json::from_str::<Value>(&clean).is_ok();
            assert!(stays, "JSON became {clean}");
        }
    }
}

#[test]
fn utf_16_is_removed_in_either_order_with_and_without_a_mark() {
    for secret in [TOKEN, "pässwörd", "gësløten-łódź"] {
        for order in [u16::to_le_bytes, u16::to_be_bytes] {
            for mark in ["", "\u{feff}"] {
                let bytes: Vec<u8> = format!("{mark}key {secret}").encode_utf16().flat_map(order).collect();
                let scrubber = Scrubber::new([secret]);
                let clean = scrubber.bytes(&bytes);
                assert!(String::from_utf8_lossy(&clean).contains(REMOVED) && clean.len() < 40, "{secret}");
                for text in [STANDARD.encode(&bytes), joined(&bytes, ":", |b| format!("{b:02x}"))] {
                    let clean = scrubber.text(&text).into_owned();
                    assert!(clean.contains(REMOVED) && clean.len() < 60, "{secret}: {clean}");
                }
                let escaped: String = bytes.iter().map(|byte| format!("\\u{byte:04x}")).collect();
                if secret.is_ascii() {
                    assert!(scrubber.text(&escaped).contains(REMOVED), "{secret}");
                }
            }
        }
    }
}

#[test]
fn latin_1_is_removed() {
    let scrubber = Scrubber::new(["pässwörd"]);
    assert_eq!(*scrubber.bytes(b"<p\xe4ssw\xf6rd>"), *format!("<{REMOVED}>").as_bytes());
    assert_eq!(scrubber.text(r"<p\xe4ssw\xf6rd>"), format!("<{REMOVED}>"));
    assert_eq!(scrubber.text(r"<p\303\244ssw\xc3\xb6rd>"), format!("<{REMOVED}>"));
    assert_eq!(scrubber.text(&STANDARD.encode(b"p\xe4ssw\xf6rd")), format!("{REMOVED}="));
}

#[test]
fn a_credential_that_is_cut_short_is_removed_from_eight_bytes_on() {
    let whole = "q7Zp2mXv9LrT4wBn8kYc1dFs";
    let base64 = STANDARD.encode(TOKEN);
    let hex: String = whole.bytes().map(|byte| format!("{byte:02x}")).collect();
    // A credential, a part of it, and whether that is removed before the end of the text.
    for (secret, part, removed) in [
        (whole, &whole[..8], true),
        (whole, &whole[..7], false),
        (TOKEN, &TOKEN[..19], true),
        (TOKEN, &TOKEN[..18], false),
        ("sk_live_51HabcdefGHIJKLMNOP", "sk_live_51Habcde", true),
        ("sk_live_51HabcdefGHIJKLMNOP", "sk_live_51Habcd", false),
        ("https://user:password@a.example", "https://user:pas", true),
        ("https://user:password@a.example", "https://user:p", false),
        (TOKEN, &base64[..26], true),
        (TOKEN, &base64[..25], false),
        (whole, &hex[..16], true),
        (whole, &hex[..15], false),
    ] {
        for (before, after) in [
            ("", ""),
            ("token ", ""),
            ("token ", "…"),
            ("token ", "... is invalid"),
            ("token \"", "\" is invalid"),
            ("token ", " \n"),
            ("token ", "\\u2026 is invalid"),
            ("token ", "%E2%80%A6"),
        ] {
            let text = format!("{before}{part}{after}");
            assert_eq!(clean(secret, &text) != text, removed, "{text}");
        }
        if secret.starts_with(part) {
            let text = format!("token {part}~ is another");
            assert_eq!(clean(secret, &text), text, "what goes on as another is another");
        }
    }
    // As Node.js prints a long buffer.
    let buffer = format!(
        "<Buffer {} ... 43 more bytes>",
        joined(&TOKEN.as_bytes()[..50], " ", |b| format!("{b:02x}"))
    );
    assert_eq!(clean(TOKEN, &buffer), format!("<Buffer {REMOVED} ... 43 more bytes>"));
}

#[test]
fn one_notation_inside_another_is_decoded_twice() {
    let percent = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    for text in [
        STANDARD.encode(json!({ "password": SECRET }).to_string()),
        STANDARD.encode(STANDARD.encode(SECRET)),
        percent(&STANDARD.encode(SECRET)),
        json!(percent(SECRET)).to_string(),
        joined(json!(SECRET).to_string().as_bytes(), ",", u8::to_string),
        wrapped(&STANDARD.encode(percent(SECRET)), 20, "\r\n"),
    ] {
        let clean = clean(SECRET, &text);
        assert!(clean.contains(REMOVED) && clean.len() < 60, "{text}\n{clean}");
    }
}

#[test]
fn what_follows_a_credential_is_searched_again() {
    let escaped = STANDARD.encode("%68unter-222");
    let text = format!("/{}{escaped}", STANDARD_NO_PAD.encode("hunter-222"));
    assert_eq!(clean("hunter-222", &escaped).matches(REMOVED).count(), 1);
    // The second begins its own run only once the first is removed.
    assert_eq!(clean("hunter-222", &text).matches(REMOVED).count(), 2);
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
    let text = scrubber.text(&value.to_string()).into_owned();
    scrubber.value(&mut value);
    assert_eq!(value, json!({ "a [credential removed]": [REMOVED, { "n": REMOVED, "ok": 12 }], "k": "v" }));
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value, "and before they are parsed");
}

#[test]
fn a_short_secret_is_removed_only_if_it_is_the_whole_text() {
    let scrubber = Scrubber::new(["bob", "a b c d"]);
    let mut value = json!(["bob", "bobsled", { "by": "bob" }, "a b c d", "Ym9i", "626f62"]);
    scrubber.value(&mut value);
    assert_eq!(value, json!([REMOVED, "bobsled", { "by": REMOVED }, REMOVED, REMOVED, REMOVED]));
    assert_eq!(scrubber.text("bob"), REMOVED);
}

#[test]
fn an_empty_secret_removes_nothing() {
    assert_eq!(Scrubber::new(["", "  "]).text("any text"), "any text");
}

#[test]
fn ordinary_answers_stay_as_they_are() {
    let scrubber = Scrubber::new([TOKEN, "hunter-22", "q7Zp2mXv9LrT4wBn", "octo-admin"]);
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut answers = 0;
    for folder in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        for file in files.filter(|file| file.extension().is_some_and(|kind| kind == "json")) {
            let text = std::fs::read(&file).unwrap();
            assert!(matches!(scrubber.bytes(&text), Cow::Borrowed(_)), "{}", file.display());
            answers += 1;
        }
    }
    assert!(answers > 5, "only {answers} answers");
}

/// The work that the search of `text` takes for each of its bytes.
fn work_per_byte(scrubber: &Scrubber, text: &[u8]) -> usize {
    let mut work = Work::for_text(text.len());
    let before = work.left();
    let _ranges = scrubber.find(text, DEPTH, &mut work);
    (before - work.left()) / text.len()
}

#[test]
fn the_work_for_a_text_does_not_grow_with_its_length() {
    let periodic = "ab".repeat(500) + "c";
    let scrubber = Scrubber::new([TOKEN, "q7Zp2mXv9LrT4wBn", &periodic]);
    for unit in [
        "github_pat_11AAAAAAA0",
        "gith\n",
        "github_pat_ \n\t",
        "ab",
        "%2561",
        "\\\\u0061",
        "&amp;#97;",
        "=3D41",
        "97, ",
        "\"1\":97,",
        "61:",
        "0x61,",
        "YWJj\n",
        "\0",
        "%\\u0026#97;=61:YWJj\0 97, ",
    ] {
        let text = |bytes: usize| unit.repeat(bytes / unit.len());
        let (short, long) = (text(1 << 14).into_bytes(), text(1 << 18).into_bytes());
        let (short, long) = (work_per_byte(&scrubber, &short), work_per_byte(&scrubber, &long));
        assert!(long <= short + 1, "{unit}: {short} and then {long}");
        assert!(long <= 260, "{unit}: {long}");
    }
}

#[test]
fn a_text_that_takes_too_much_work_is_removed_whole() {
    let scrubber = Scrubber::new([("ab".repeat(2000) + "c").as_str()]);
    let text = "ab".repeat(100_000);
    assert_eq!(scrubber.text(&text), REMOVED);
}

#[test]
fn a_text_with_too_many_credentials_is_removed_whole() {
    let scrubber = Scrubber::new(["hunter-22"]);
    assert_eq!(scrubber.text(&"hunter-22 ".repeat(MAX_MATCHES + 1)), REMOVED);
    assert_ne!(scrubber.text(&"hunter-22 ".repeat(100)), REMOVED);
}

#[test]
fn debug_shows_nothing() {
    assert_eq!(format!("{:?}", Scrubber::new(["hunter-22"])), "Scrubber { .. }");
}
