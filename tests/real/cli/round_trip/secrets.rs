//! Secrets whose names or values are hard to store unchanged.

use std::collections::BTreeMap;

/// The fields of each secret, by its path.
pub(crate) type Secrets = BTreeMap<String, BTreeMap<String, String>>;

/// A value that fits into every store: Secrets Manager takes 64 KiB for all fields of a secret.
const LARGE: usize = 60 << 10;

/// Values that one encoding or another changes: each is the token of an account with this name.
fn odd_values() -> Vec<(&'static str, String)> {
    let text = |text: &str| text.to_owned();
    vec![
        ("default", text("plain-token")),
        ("blank", text(" ")),
        ("line-break", text("\n")),
        ("trailing", text("ends with a line break\n")),
        ("spaces", text("  around \t")),
        ("lines", text("-----BEGIN KEY-----\nTWlJ\n\n\tindented\n-----END KEY-----\n\n")),
        ("crlf", text("one\r\ntwo\r\n")),
        ("unicode", text("pässwörd e\u{301} 鍵 🔑 \u{202e}\u{feff}\u{2028}")),
        ("quotes", text("\"'`\"\"\"'''\\\" \\n \\u0041 \\")),
        ("hash", text("#first # and # last #")),
        ("shell", text("$HOME ${HOME} `id` $(id) %s %% ! ~ * ?")),
        ("json", text("{\"a\": [1, null, \"\\u00e9\"]}")),
        ("yaml", text("- &a !!binary |\n  x: *a # no\n...\n---\n")),
        ("number", text("007")),
        ("exponent", text("1e400")),
        ("boolean", text("true")),
        ("null", text("null")),
        ("sops", text("ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAA,type:str]")),
        ("control", text("\u{1}\u{8}\u{b}\u{1b}[31m\u{7f}\u{85}")),
        ("large", "0123456789 äöü\n".chars().cycle().scan(0, within(LARGE)).collect()),
    ]
}

/// Passes characters on while they have at most `max` bytes.
fn within(max: usize) -> impl FnMut(&mut usize, char) -> Option<char> {
    move |bytes, letter| {
        *bytes += letter.len_utf8();
        (*bytes <= max).then_some(letter)
    }
}

/// The names of the accounts of the module `tickets`, and one more as long as a name may be.
pub(crate) fn accounts() -> Vec<String> {
    let odd = odd_values().into_iter().map(|(name, _)| name.to_owned());
    odd.chain(["a_b-c".to_owned(), ["name"; 13].join("-")]).collect()
}

/// What environment variables hold: the fields of the modules `notes` and `tickets`, none of them empty.
pub(crate) fn in_variables() -> Secrets {
    let values = odd_values().into_iter().map(|(_, value)| value).chain(["x".to_owned(), "y".to_owned()]);
    let tickets = accounts().into_iter().zip(values);
    let tickets =
        tickets.map(|(account, value)| (format!("tickets/{account}"), [("token".to_owned(), value)].into()));
    let notes = [("username", "Zoë"), ("password", " p\"#\n")].map(owned);
    tickets.chain([("notes/default".to_owned(), notes.into())]).collect()
}

/// What a folder of files holds: secrets that no module uses, with many fields, long names and empty values.
pub(crate) fn in_files() -> Secrets {
    let mut many: BTreeMap<String, String> =
        (0..100).map(|number| (format!("field_{number}"), format!("value {number}\n"))).collect();
    let names = ["Client_ID", "client-secret", "private.key", "_x", "X", "x"];
    many.extend(names.map(|name| owned((name, name))));
    many.insert("n".repeat(64), "long name".to_owned());
    let odd = odd_values().into_iter().filter(|(name, _)| *name != "large");
    let odd = odd.map(|(name, value)| (name.to_owned(), value));
    let path = format!("a/b/{}/d_e-f/0", "s".repeat(64));
    [
        ("extra/many".to_owned(), many),
        ("extra/odd".to_owned(), odd.collect()),
        ("extra/empty".to_owned(), [("empty", ""), ("other", "x")].map(owned).into()),
        ("extra/only-empty".to_owned(), [owned(("empty", ""))].into()),
        (path, [owned(("token", "deep"))].into()),
        ("single".to_owned(), [owned(("token", "one segment"))].into()),
    ]
    .into()
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
