//! Which values a diagnostic may quote.
//!
//! A person may paste a credential where a name belongs, and a diagnostic ends up in terminals, logs and tickets. So a
//! value is quoted only if it is
//!
//! - an *identifier*: 1 to 64 characters of `[A-Za-z0-9_.-]`, without a known credential prefix and without high entropy
//!   ([`identifier`]), or
//! - a value of a closed type: a number, a boolean, or numbers with units, such as a duration that almost parses
//!   ([`number_with_unit`]).
//!
//! Every other value is described: `a string of 72 characters`. A value at a key that is [named like a
//! secret](crate::looks_secret) is never quoted, whatever it is; that is for the caller to check, who knows the key.
//!
//! A credential may stand anywhere: as a key, as the name of a table or a variable, as an argument. So the rule also holds
//! for keys ([`key`], applied by each [`Diagnostic`](crate::Diagnostic)), for variables ([`variable`]) and for paths
//! ([`path`], [`is_quotable_path`]). Names that a profile defines are printed everywhere afterwards; those that [look like a
//! credential](looks_like_a_credential) are refused instead.
//!
//! # How entropy is judged
//!
//! Shannon entropy does not distinguish a generated key from a name: at these lengths both have about four bits a
//! character. The order of the characters does. A value has high entropy if one of these is true:
//!
//! - letters and digits change places more than three times in it, or more than once in a part of 16 characters or more
//!   (parts are separated by `_`, `.` and `-`);
//! - it has twelve digits or more in a row;
//! - it has at least six pairs of adjacent letters, and more than a third of them are rare in English technical prose.
//!   The other pairs are 96 % of the pairs in such prose, and 40 % of the pairs in random letters.
//!
//! Of 6,500 identifiers in source code 0.2 % have high entropy by these rules; of random strings of 16 characters more than
//! 95 % (lowercase letters, letters and digits, base32, hexadecimal), and every UUID. A short password, or one made of
//! words, cannot be distinguished from a name.

use std::path::Path;

use cofferdam_config_macros::text;

use crate::Text;

/// The longest identifier that is quoted, in characters.
const MAX_CHARS: usize = 64;

/// What the credentials of known services begin with.
#[rustfmt::skip] // one service a line
const CREDENTIAL_PREFIXES: &[&str] = &[
    "AGE-SECRET-KEY-",
    "ABIA", "ACCA", "AKIA", "ASIA",                                                   // AWS
    "AIza", "GOCSPX-", "ya29.",                                                       // Google
    "dckr_oat_", "dckr_pat_",                                                         // Docker
    "doo_v1_", "dop_v1_", "dor_v1_",                                                  // DigitalOcean
    "figd_",                                                                          // Figma
    "ghe_", "gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_",                    // GitHub
    "gldt-", "glpat-", "glptt-", "glrt-",                                             // GitLab
    "glc_", "glsa_",                                                                  // Grafana
    "hf_",                                                                            // Hugging Face
    "hvb.", "hvr.", "hvs.",                                                           // HashiCorp Vault and OpenBao
    "eyJ",                                                                            // a JWT, or other base64 of JSON
    "lin_api_", "lin_oauth_",                                                         // Linear
    "npm_",                                                                           // npm
    "ntn_",                                                                           // Notion
    "sk-", "sk-ant-api03-", "sk-proj-",                                               // OpenAI, Anthropic
    "pypi-",                                                                          // PyPI
    "SG.",                                                                            // SendGrid
    "sntrys_", "sntryu_",                                                             // Sentry
    "shpat_", "shpca_", "shppa_", "shpss_",                                           // Shopify
    "xapp-", "xoxa-", "xoxb-", "xoxe-", "xoxp-", "xoxr-", "xoxs-",                    // Slack
    "pk_live_", "rk_live_", "rk_test_", "sk_live_", "sk_test_", "whsec_",             // Stripe
    "sb_secret_", "sbp_",                                                             // Supabase
];

/// By the first letter of a pair, the second letters with which it is common in English technical prose.
#[rustfmt::skip] // one letter a line
const COMMON_PAIRS: [&str; 26] = [
    /* a */ "bcdfgiklmnprstuvy",
    /* b */ "aeilorsu",
    /* c */ "acehiklorstu",
    /* d */ "adeilorsuy",
    /* e */ "abcdefgilmnpqrstvwxy",
    /* f */ "aefilortu",
    /* g */ "aeghinorsu",
    /* h */ "aeimortu",
    /* i */ "abcdefglmnoprstvxz",
    /* j */ "e",
    /* k */ "eis",
    /* l */ "adeilostuvy",
    /* m */ "abeimopsu",
    /* n */ "acdefgiklnostuvy",
    /* o */ "abcdfgiklmnoprstuvw",
    /* p */ "aehiloprstu",
    /* q */ "u",
    /* r */ "acdefgiklmnoprstuvy",
    /* s */ "acehiklmopstuy",
    /* t */ "acehilorstuwy",
    /* u */ "abcdefgilmnprst",
    /* v */ "aeio",
    /* w */ "aehinor",
    /* x */ "eipt",
    /* y */ "enopst",
    /* z */ "ae",
];

/// `value` in double quotes if it is an identifier that may be quoted; `None` otherwise.
///
/// ```
/// use cofferdam_config::quote::identifier;
///
/// assert_eq!(identifier("github-vault").as_deref(), Some("\"github-vault\""));
/// assert_eq!(identifier("ghp_16C7e42F292c6912E7710c838347Ae178B4a"), None);
/// assert_eq!(identifier("https://ada:hunter2@example.com"), None);
/// ```
pub fn identifier(value: &str) -> Option<Text> {
    is_quotable(value).then(|| in_quotes(value))
}

/// `value` in double quotes if it may be quoted, otherwise a description: `a string of 72 characters`.
pub fn string(value: &str) -> Text {
    identifier(value).unwrap_or_else(|| match value.chars().count() {
        0 => "an empty string".into(),
        1 => "a string of 1 character".into(),
        count => text!("a string of {count} characters"),
    })
}

/// `predicate` about `value`: `"Frankfurt" is not a region`, or the predicate alone if the value may not be quoted.
///
/// ```
/// use cofferdam_config::quote::predicate;
///
/// assert_eq!(predicate("Frankfurt", "is not a region"), "\"Frankfurt\" is not a region");
/// assert_eq!(predicate("", "is empty"), "is empty");
/// ```
pub fn predicate(value: &str, predicate: &'static str) -> Text {
    identifier(value).map_or_else(|| predicate.into(), |value| text!("{value} {predicate}"))
}

/// The thing `what` with its name for the beginning of a sentence: `vault "nowhere"`, or `this vault` if the name may not
/// be quoted.
///
/// ```
/// use cofferdam_config::quote::named;
///
/// assert_eq!(named("vault", "nowhere"), "vault \"nowhere\"");
/// assert_eq!(named("vault", "hvs.CAESIJ2Gt5nQZ0pZzBkpuXkzNHsaBxvG"), "this vault");
/// ```
pub fn named(what: &'static str, name: &str) -> Text {
    identifier(name).map_or_else(|| text!("this {what}"), |name| text!("{what} {name}"))
}

/// `value` if it is a number, and in double quotes if it is one to three numbers with units, of at most 32 characters,
/// such as a duration or a size that almost parses (`5 sceonds`, `4MB`); `None` otherwise.
pub fn number_with_unit(value: &str) -> Option<Text> {
    const MAX_BYTES: usize = 32;
    const MAX_DIGITS: usize = 11;
    const MAX_UNIT: usize = 12;
    const MAX_GROUPS: usize = 3;
    let mut rest = value.trim();
    if rest.is_empty() || value.len() > MAX_BYTES {
        return None;
    }
    let mut units = 0;
    for _ in 0..MAX_GROUPS {
        let digits = prefix(rest, |c| c.is_ascii_digit() || c == '.');
        if !(1..=MAX_DIGITS).contains(&digits.len()) || !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        rest = rest[digits.len()..].trim_start();
        let unit = prefix(rest, |c| c.is_ascii_alphabetic());
        if unit.len() > MAX_UNIT || has_high_entropy(unit) {
            return None;
        }
        rest = rest[unit.len()..].trim_start();
        units += usize::from(!unit.is_empty());
        if rest.is_empty() {
            let value = value.trim();
            return Some(if units == 0 { Text::unchecked(value) } else { in_quotes(value) });
        }
    }
    None
}

/// The dotted `key` of a diagnostic, in which each part that may not be quoted is described.
///
/// ```
/// use cofferdam_config::quote::key;
///
/// assert_eq!(key("vaults.main.\"a/b\""), "vaults.main.\"a/b\"");
/// assert_eq!(key("vaults.hvs.CAESIJ2Gt5nQZ0pZzBkpuXkz.file"), "vaults.hvs.(a key of 24 characters).file");
/// ```
pub fn key(key: &str) -> Text {
    let mut rest = key;
    let mut parts = Vec::new();
    loop {
        let (part, after) = first_part(rest);
        parts.push(part);
        match after {
            Some(after) => rest = after,
            None => break,
        }
    }
    // A `$` begins the keywords of JSON Schema.
    let inner = |part: &str| part.trim_matches('"').trim_start_matches('$').to_owned();
    let may_be_quoted = |part: &&str| part.is_empty() || *part == "\"\"" || is_quotable_path(&inner(part));
    if parts.iter().all(may_be_quoted) {
        return Text::unchecked(key);
    }
    let shown = parts.iter().map(|part| match may_be_quoted(part) {
        true => Text::unchecked(part),
        false => text!("(a key of {} characters)", inner(part).chars().count()),
    });
    Text::join(shown, ".")
}

/// The first part of a dotted key, and what follows its dot. A dot in double quotes does not end a part.
fn first_part(key: &str) -> (&str, Option<&str>) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in key.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '.' if !quoted => return (&key[..at], Some(&key[at + 1..])),
            _ => {}
        }
    }
    (key, None)
}

/// The name of an environment variable, whose parts are separated by `__`. Each part that may not be quoted is described.
pub fn variable(name: &str) -> Text {
    let shown = name.split("__").map(|part| match part.is_empty() || is_quotable(part) {
        true => Text::unchecked(part),
        false => text!("(a part of {} characters)", part.chars().count()),
    });
    Text::join(shown, "__")
}

/// Whether `path` may be quoted: each of its parts may be, or is empty, `.` or `..`.
pub fn is_quotable_path(path: &str) -> bool {
    let may_be_quoted = |part: &str| matches!(part, "" | "." | "..") || is_quotable(part);
    !path.is_empty() && path.split(['/', '\\']).all(may_be_quoted)
}

/// A name that a profile or a manifest defines, as it is. One that [looks like a credential](looks_like_a_credential) is
/// described.
pub fn name(name: &str) -> Text {
    if looks_like_a_credential(name) { string(name) } else { Text::unchecked(name.escape_debug()) }
}

/// The path of a file, which a person needs to find it. One that [looks like a credential](looks_like_a_credential) is
/// described, unless it [is written as a path](is_written_as_a_path).
pub fn path(path: impl AsRef<Path>) -> Text {
    let path = path.as_ref();
    let shown = path.to_string_lossy();
    if is_written_as_a_path(&shown) || !looks_like_a_credential(&shown) {
        return Text::unchecked(path.display());
    }
    text!("a path of {} characters", shown.chars().count())
}

/// Whether `text` begins as only a path does: it is absolute, or relative with `./` or `../`.
pub fn is_written_as_a_path(text: &str) -> bool {
    ["/", "./", "../"].iter().any(|start| text.starts_with(start)) || Path::new(text).is_absolute()
}

/// Whether `text` looks like a credential, so that it must not become a name, which is printed without a further check: a
/// PEM block, or a long part that is in the order of a generated string.
///
/// Weaker than the rule for what may be quoted, because a name that is refused must be changed everywhere.
pub fn looks_like_a_credential(text: &str) -> bool {
    const MIN_CHARS: usize = 20;
    const MIN_PART_CHARS: usize = 12;
    let of_a_token = |c: char| c.is_ascii_alphanumeric() || "_-.+/=~".contains(c);
    // A slash is a character of base64, and separates names in a path.
    let shuffled = |part: &str| part.len() >= MIN_PART_CHARS && is_shuffled(part);
    let generated = |word: &str| {
        word.len() >= MIN_CHARS
            && word.chars().all(of_a_token)
            && (is_jwt(word) || word.split('/').any(shuffled))
    };
    text.contains("-----BEGIN") || text.split(['\\', ' ']).any(generated)
}

fn is_jwt(text: &str) -> bool {
    text.starts_with("eyJ") && text.matches('.').count() == 2
}

/// What `value` begins with if that is the prefix of a known service's credentials; the longest one if there are several.
///
/// ```
/// use cofferdam_config::quote::credential_prefix;
///
/// assert_eq!(credential_prefix("github_pat_11AAAAAAA0"), Some("github_pat_"));
/// assert_eq!(credential_prefix("hunter2"), None);
/// ```
pub fn credential_prefix(value: &str) -> Option<&'static str> {
    let prefixes = CREDENTIAL_PREFIXES.iter().copied();
    prefixes.filter(|prefix| value.starts_with(prefix)).max_by_key(|prefix| prefix.len())
}

/// `value`, which may be quoted, in double quotes.
fn in_quotes(value: &str) -> Text {
    Text::unchecked(format_args!("\"{value}\""))
}

fn prefix(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    &text[..text.find(|c| !belongs(c)).unwrap_or(text.len())]
}

/// Whether `value` is an identifier, and neither a known credential nor of high entropy.
fn is_quotable(value: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || is_separator(byte);
    (1..=MAX_CHARS).contains(&value.len())
        && value.bytes().all(allowed)
        && !has_credential_prefix(value)
        && !has_high_entropy(value)
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'_' | b'.' | b'-')
}

/// Whether `value`, or what follows a separator in it, begins like the credential of a known service.
fn has_credential_prefix(value: &str) -> bool {
    let starts = |at: usize| at == 0 || is_separator(value.as_bytes()[at - 1]);
    CREDENTIAL_PREFIXES.iter().any(|prefix| value.match_indices(prefix).any(|(at, _)| starts(at)))
}

/// Whether the characters of `value` follow each other as those of a generated string do; see the module's documentation.
fn has_high_entropy(value: &str) -> bool {
    const MAX_DIGITS: usize = 11;
    let digits = value.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    digits > MAX_DIGITS || is_shuffled(value)
}

/// Whether letters and digits, or rare pairs of letters, are mixed in `value` as in a generated string.
fn is_shuffled(value: &str) -> bool {
    const MAX_CHANGES: usize = 3;
    const LONG_PART: usize = 16;
    const MAX_CHANGES_IN_LONG_PART: usize = 1;
    const MIN_PAIRS: usize = 6;

    let parts = || value.as_bytes().split(|byte| is_separator(*byte));
    let changes = |part: &[u8]| {
        let changes = |pair: &&[u8]| pair[0].is_ascii_digit() != pair[1].is_ascii_digit();
        part.windows(2).filter(changes).count()
    };
    let pairs =
        || parts().flat_map(|part| part.windows(2)).filter(|pair| pair.iter().all(u8::is_ascii_alphabetic));
    let (all, rare) = (pairs().count(), pairs().filter(|pair| !is_common(pair[0], pair[1])).count());

    parts().map(changes).sum::<usize>() > MAX_CHANGES
        || parts().any(|part| part.len() >= LONG_PART && changes(part) > MAX_CHANGES_IN_LONG_PART)
        || (all >= MIN_PAIRS && rare * 3 > all)
}

/// Whether the pair of letters is common in English technical prose.
fn is_common(first: u8, second: u8) -> bool {
    let row = usize::from(first.to_ascii_lowercase().wrapping_sub(b'a'));
    let second = char::from(second.to_ascii_lowercase());
    COMMON_PAIRS.get(row).is_some_and(|common| common.contains(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        for name in [
            "nowhere",
            "github-vault",
            "my-company-production-vault",
            "eu-central-1",
            "k8s-prod-eu-west-1",
            "oauth2_client_credentials",
            "getRepositoryIssueComments",
            "PostgreSQL15",
            "MAX_IN_FLIGHT",
            "2024-06-18",
            "v1.2.3-rc.1",
            "secret_id_file",
            "kubernetes.io",
            "hashicorp",
            "bakend",
            "shrt",
            "x",
        ] {
            assert_eq!(identifier(name).unwrap(), format!("\"{name}\"").as_str(), "{name}");
        }
    }

    #[test]
    fn known_credentials_are_not_quoted() {
        for credential in [
            "ghp_aaaa",
            "gho_name",
            "github_pat_11AAAAAAA0",
            "glpat-name",
            "sk_live_name",
            "rk_test_name",
            "sk-proj-name",
            "hvs.name",
            "hvb.name",
            "AKIAIOSFODNN",
            "ASIAIOSFODNN",
            "AIzaName",
            "eyJhbGci.eyJzdWIi.sig",
            "xoxb-name",
            "npm_name",
            "pypi-name",
            "ntn_name",
            "SG.name",
            "AGE-SECRET-KEY-1QQ",
            "Bearer.ghp_aaaa",
            "token-hvs.name",
        ] {
            assert_eq!(identifier(credential), None, "{credential}");
        }
    }

    #[test]
    fn generated_strings_are_not_quoted() {
        for generated in [
            "x7Kq9ZpL2mV4tR8wB1nC",
            "xKqZpLmVtRwBnCdF",
            "mfrggzdfmztwqxlk",
            "d41d8cd98f00b204e9800998ecf8427e",
            "550e8400-e29b-41d4-a716-446655440000",
            "wJalrXUtnFEMI-K7MDENG-bPxRfiCY",
            "123456789012",
            "c4nary-8f1e-do-not-print",
            "s.9F3kQ2mXv7Zp4LrT8wBn1cYd",
        ] {
            assert_eq!(identifier(generated), None, "{generated}");
        }
    }

    #[test]
    fn anything_but_an_identifier_is_described() {
        assert_eq!(string("https://ada:hunter2@example.com"), "a string of 31 characters");
        assert_eq!(string("two words"), "a string of 9 characters");
        assert_eq!(string(""), "an empty string");
        assert_eq!(string("\u{1b}"), "a string of 1 character");
        assert_eq!(string("zoë"), "a string of 3 characters");
        let longest = "long-name-".repeat(6) + "name";
        assert_eq!(string(&longest), format!("\"{longest}\"").as_str());
        assert_eq!(string(&(longest + "s")), "a string of 65 characters");
        assert_eq!(named("vault", "nowhere"), "vault \"nowhere\"");
        assert_eq!(named("vault", "ghp_aaaa"), "this vault");
    }

    #[test]
    fn each_part_of_a_key_or_a_variable_is_judged_by_itself() {
        const TOKEN: &str = "x7Kq9ZpL2mV4tR8wB1nC";
        for same in ["vaults.main.auth.method", "modules.github.accounts.0", "paths.\"db/ro\"", "", "a.\"\""]
        {
            assert_eq!(key(same), same);
        }
        for (secret, shown) in [
            (format!("vaults.{TOKEN}.file"), "vaults.(a key of 20 characters).file"),
            (format!("a.\"b.{TOKEN}\".c"), "a.(a key of 22 characters).c"),
            ("a.\"two words\"".to_owned(), "a.(a key of 9 characters)"),
        ] {
            assert_eq!(key(&secret), shown);
        }
        assert_eq!(
            variable("COFFERDAM__VAULTS__GITHUB_VAULT__ADDRESS"),
            "COFFERDAM__VAULTS__GITHUB_VAULT__ADDRESS"
        );
        assert_eq!(variable(&format!("COFFERDAM__{TOKEN}__A")), "COFFERDAM__(a part of 20 characters)__A");
        for same in ["team/github.age", "../x7Kq9ZpL2mV4tR8wB1nC.age", "/run/x7Kq9ZpL2mV4tR8wB1nC"] {
            assert_eq!(path(same), same);
        }
        assert_eq!(path(TOKEN), "a path of 20 characters");
        assert!(is_quotable_path("./team.toml") && is_quotable_path("/etc/cofferdam/profile.toml"));
        assert!(!is_quotable_path(&format!("./{TOKEN}")) && !is_quotable_path(""));
    }

    #[test]
    fn a_name_that_looks_like_a_credential_differs_from_others() {
        for credential in [
            "x7Kq9ZpL2mV4tR8wB1nC",
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "550e8400-e29b-41d4-a716-446655440000",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ] {
            assert!(looks_like_a_credential(credential), "{credential}");
        }
        for name in [
            "pypi-mirror",
            "npm_registry_2024",
            "AdministratorAccess-123456789012",
            "github-enterprise-production-vault",
            "k8s-eu1-prod",
            "arn:aws:iam::123456789012:role/cofferdam-github",
            "secrets/github.age",
            "kv2/cofferdam/production",
            "team2prod/cofferdam/v2/github",
            "{module}/{account}",
        ] {
            assert!(!looks_like_a_credential(name), "{name}");
        }
    }

    #[test]
    fn numbers_with_units_are_quoted() {
        for (value, quoted) in [
            ("30", "30"),
            (" 1.5 ", "1.5"),
            ("5 sceonds", "\"5 sceonds\""),
            ("1h 30min 5x", "\"1h 30min 5x\""),
            ("4MB", "\"4MB\""),
        ] {
            assert_eq!(number_with_unit(value).as_deref(), Some(quoted), "{value}");
        }
        for other in [
            "",
            "hunter2",
            "s30",
            "-1s",
            "123456789012",
            "1a2b3c4d",
            "7 mfrggzdfmztw",
            "1s;",
            "5 §",
            "1 2 3 4",
        ] {
            assert_eq!(number_with_unit(other), None, "{other}");
        }
    }
}
