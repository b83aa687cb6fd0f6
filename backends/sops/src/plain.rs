//! Finds values that a document does not encrypt, without opening it.
//!
//! SOPS leaves values in plain text whose keys end with `_unencrypted`, or that its rules exclude. It writes each encrypted
//! value on one line, which begins with `ENC[`.

use cofferdam_vault::SecretPath;

use crate::format::Format;
use crate::names;

const ENCRYPTED: &str = "ENC[";

/// The fields of the secret at `at` that are in plain text in the encrypted `document`.
pub(crate) fn plain_fields(document: &str, format: Format, at: &SecretPath) -> Vec<String> {
    if let Ok(serde_json::Value::Object(document)) = serde_json::from_str(document) {
        let fields = document.get(at.as_str()).and_then(|secret| secret.as_object());
        let is_plain = |value: &serde_json::Value| value.as_str().is_none_or(|text| !is_encrypted(text));
        let plain = fields.into_iter().flatten().filter(|(_, value)| is_plain(value));
        return plain.map(|(name, _)| name.clone()).collect();
    }
    if format == Format::Variables {
        let prefix = names::prefix(at);
        let variables = document.lines().filter_map(|line| line.strip_prefix(&prefix)?.split_once('='));
        return variables
            .filter(|(_, value)| !is_encrypted(value))
            .map(|(name, _)| name.to_owned())
            .collect();
    }
    let is_header = |line: &&str| {
        let line = line.trim_end();
        let name = line.strip_suffix(':').or_else(|| line.strip_prefix('[')?.strip_suffix(']'));
        name.is_some_and(|name| name.trim_matches(['"', '\'']) == at.as_str())
    };
    let mut lines = document.lines().skip_while(|line| !is_header(line));
    lines.next();
    let inside = lines.take_while(|line| match format {
        Format::Tables => line.is_empty() || line.starts_with([' ', '#']),
        _ => !line.starts_with('['),
    });
    let fields = inside.filter_map(|line| line.trim().split_once([':', '=']));
    let fields = fields.filter(|(name, value)| !name.starts_with('#') && !is_encrypted(value));
    fields.map(|(name, _)| name.trim().trim_matches(['"', '\'']).to_owned()).collect()
}

/// An empty value is not encrypted, and hides nothing.
fn is_encrypted(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    value.is_empty() || value.starts_with(ENCRYPTED)
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::testkit::path;

    use super::*;

    #[test]
    fn only_plain_values_of_the_secret_are_found() {
        let yaml = "notes:\n    url: x\n\"github/work\":\n    #ENC[AES256_GCM,data:a]\n    token: ENC[AES256_GCM,data:a:b]\n    \
                    user_unencrypted: ada\n    empty: \"\"\nsops:\n    version: 3.13.3\n";
        let json = r#"{"github/work": {"token": "ENC[a]", "user_unencrypted": "ada", "port": 1}, "notes": {"url": "x"}}"#;
        let ini =
            "[notes]\nurl = x\n[github/work]\ntoken = ENC[a]\nuser_unencrypted = ada\n[sops]\nversion = 3\n";
        let env = "NOTES_URL=x\nGITHUB_WORK_TOKEN=ENC[a]\nGITHUB_WORK_USER_UNENCRYPTED=ada\nsops_version=3\n";
        for (document, format, expected) in [
            (yaml, Format::Tables, &["user_unencrypted"][..]),
            (json, Format::Tables, &["user_unencrypted", "port"]),
            (ini, Format::ReadOnlyTables, &["user_unencrypted"]),
            (env, Format::Variables, &["USER_UNENCRYPTED"]),
        ] {
            assert_eq!(plain_fields(document, format, &path("github/work")), expected, "{document}");
            assert!(plain_fields(document, format, &path("github/home")).is_empty(), "{document}");
        }
    }
}
