//! Damaged documents, keys that do not fit, and a program that is missing.

use std::fs;

use cofferdam_vault::testkit::{BackendUnderTest as _, fields, path};
use cofferdam_vault::{ErrorKind, Expect, Scope};

use super::fixture::{Documents, token};

const JSON: &str = r#"{"github/work": {"token": "t0ken"}}"#;

#[tokio::test]
async fn a_damaged_document_disables_the_vault_until_it_is_restored() {
    let documents = Documents::new("secrets.enc.yaml", JSON, "json");
    let (vault, good) = (documents.open(), documents.encrypted());
    let value = good.split("data:").nth(1).unwrap().split(',').next().unwrap();
    let mac = good.split("mac: ENC[AES256_GCM,data:").nth(1).unwrap().split(',').next().unwrap();
    for (what, damaged) in [
        ("a value", good.replacen(value, "AAAA", 1)),
        ("the code", good.replacen(mac, "AAAA", 1)),
        ("no metadata", "github/work:\n    token: t0ken\n".to_owned()),
        ("no document", "{".to_owned()),
        ("empty", String::new()),
    ] {
        fs::write(documents.document(), damaged).unwrap();
        for error in [token(&*vault, "github/work").await.unwrap_err(), vault.probe().await.unwrap_err()] {
            assert_eq!(
                (error.kind(), error.scope()),
                (ErrorKind::Malformed, Scope::Vault),
                "{what}: {error}"
            );
            assert!(!error.message().contains("t0ken"), "{what}: {error}");
        }
        let write = vault.write(&path("github/work"), &fields([("token", "new")]), Expect::Any).await;
        assert_eq!(write.unwrap_err().scope(), Scope::Vault, "{what}: nothing is written over it");
        fs::write(documents.document(), &good).unwrap();
        assert_eq!(token(&*vault, "github/work").await.unwrap(), "t0ken", "{what}");
    }
}

/// Records what `ps` would show of it. After the first change, another secret of the document is changed as an editor would
/// do it, without the lock.
const EDITED_MEANWHILE: &str = r#"
cat "/proc/$$/cmdline" "/proc/$$/environ" >>seen
"$SOPS" "$@" || exit
if [ "$1" = set ] && [ ! -e edited ]; then
    touch edited
    "$SOPS" set secrets.enc.yaml '["notes/work"]' '{"token": "edited"}'
fi
"#;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_edit_during_a_write_is_kept_and_no_secret_is_an_argument() {
    let documents = Documents::new("secrets.enc.yaml", JSON, "json");
    documents.make_wrapper(EDITED_MEANWHILE);
    let vault = documents.open_with("age_key_file = 'key.txt'\nprogram = './wrapper'");
    vault.write(&path("github/work"), &fields([("token", "canary-5f2e")]), Expect::Any).await.unwrap();
    assert!(documents.path("edited").exists());
    assert_eq!(token(&*vault, "notes/work").await.unwrap(), "edited");
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "canary-5f2e");
    let seen = String::from_utf8_lossy(&fs::read(documents.path("seen")).unwrap()).into_owned();
    assert!(seen.contains("--value-stdin") && seen.contains("SOPS_AGE_KEY_FILE="), "{seen}");
    assert!(!seen.contains("canary") && !seen.contains("HOME="), "{seen}");
}

#[tokio::test]
async fn a_key_or_a_program_that_does_not_fit_is_misconfigured() {
    let documents = Documents::new("secrets.enc.yaml", JSON, "json");
    let other = Documents::empty("other.json");
    fs::copy(other.path("key.txt"), documents.path("other.txt")).unwrap();
    for settings in [
        "age_key_file = 'other.txt'",
        "age_key_file = 'absent.txt'",
        "age_key_file = '.'",
        "age_key_file = 'key.txt'\nprogram = 'absent-sops'",
        "age_key_file = 'key.txt'\nprogram = './key.txt'",
    ] {
        let vault = documents.open_with(settings);
        for error in [token(&*vault, "github/work").await.unwrap_err(), vault.probe().await.unwrap_err()] {
            assert_eq!((error.kind(), error.scope()), (ErrorKind::Misconfigured, Scope::Vault), "{error}");
        }
    }
    let elsewhere = documents.open_with("env = ['COFFERDAM_TEST_UNSET']");
    let error = token(&*elsewhere, "github/work").await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Unavailable,
        "nothing ambient, and a key that may come back: {error}"
    );
}
