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
