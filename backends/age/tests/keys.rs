//! Identity files, recipients and passphrases that cannot be used say why.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // a panic in a test is its report

mod support;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cofferdam_vault::{ErrorKind, Prompt, SecretString, VaultError};
use support::{AgeFolder, open, recipient_of, set, token};

const PLAINTEXT: &str = "[\"github/work\"]\ntoken = \"from age\"\n";
const PASSPHRASE: &str = "correct horse";

/// A vault file with the passphrase and little scrypt work.
fn quick_passphrase_file() -> Vec<u8> {
    let mut recipient = age::scrypt::Recipient::new(PASSPHRASE.into());
    recipient.set_work_factor(4);
    age::encrypt(&recipient, b"[\"github/work\"]\ntoken = \"locked with a passphrase\"\n").unwrap()
}

/// Answers every question with the same passphrase, and counts the questions.
#[derive(Debug)]
struct Answers(&'static str, AtomicUsize);

impl Answers {
    fn new(answer: &'static str) -> Arc<Self> {
        Arc::new(Self(answer, AtomicUsize::new(0)))
    }
}

impl Prompt for Answers {
    fn secret(&self, question: &str) -> std::io::Result<SecretString> {
        assert!(question.contains("passphrase") || question.contains("Passphrase"), "{question}");
        self.1.fetch_add(1, Ordering::SeqCst);
        Ok(self.0.into())
    }
}

/// Answers differently each time, like a person who mistypes.
#[derive(Debug)]
struct Mistypes(AtomicUsize);

impl Prompt for Mistypes {
    fn secret(&self, _: &str) -> std::io::Result<SecretString> {
        Ok(format!("canary {}", self.0.fetch_add(1, Ordering::SeqCst)).into())
    }
}

#[tokio::test]
async fn a_wrong_or_missing_passphrase_says_so() {
    let folder = AgeFolder::new();
    fs::write(folder.path("v.age"), quick_passphrase_file()).unwrap();
    let vault = folder.open_with("file = 'v.age'\npassphrase_file = 'pass.txt'");
    for (content, hint) in [
        (None, "create it"),
        (Some("canary wrong\n"), "passphrase does not decrypt"),
        (Some("\n"), "is empty"),
        (Some("canary\ntwo lines"), "several lines"),
    ] {
        if let Some(content) = content {
            fs::write(folder.path("pass.txt"), content).unwrap();
        }
        let error = token(&*vault, "github/work").await.unwrap_err();
        expect_misconfigured(&error, hint);
        assert!(!format!("{error:?}").contains("canary"));
    }
    let error = token(&*folder.open(), "github/work").await.unwrap_err();
    expect_misconfigured(&error, "identity does not decrypt");
    folder.encrypt(PLAINTEXT);
    fs::write(folder.path("pass.txt"), PASSPHRASE).unwrap();
    expect_misconfigured(&token(&*vault, "github/work").await.unwrap_err(), "set `identity_file`");
}

#[tokio::test]
async fn a_file_that_asks_for_too_much_work_is_refused_before_the_work() {
    let folder = AgeFolder::new();
    // The header is read before it is authenticated, so the number alone decides.
    let binary = quick_passphrase_file();
    let at = binary.windows(3).position(|window| window == b" 4\n").unwrap();
    fs::write(folder.path("v.age"), [&binary[..at], b" 30", &binary[at + 2..]].concat()).unwrap();
    fs::write(folder.path("pass.txt"), PASSPHRASE).unwrap();
    let vault = folder.open_with("file = 'v.age'\npassphrase_file = 'pass.txt'");
    expect_misconfigured(&vault.probe().await.unwrap_err(), "2^30");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_callers_share_one_question() {
    let folder = AgeFolder::new();
    fs::write(folder.path("v.age"), quick_passphrase_file()).unwrap();
    let settings = "file = 'v.age'\npassphrase = 'ask'";
    let prompt = Answers::new(PASSPHRASE);
    let vault = open(folder.folder(), settings, Some(prompt.clone()));
    let reads = (0..8).map(|_| token(&*vault, "github/work"));
    for answer in futures_util::future::join_all(reads).await {
        assert_eq!(answer.unwrap(), "locked with a passphrase");
    }
    assert_eq!(prompt.1.load(Ordering::SeqCst), 1);

    let without_prompt = open(folder.folder(), settings, None);
    expect_misconfigured(&token(&*without_prompt, "github/work").await.unwrap_err(), "passphrase_file");
}

#[tokio::test]
async fn the_passphrase_of_a_new_file_is_asked_for_twice() {
    let folder = AgeFolder::new();
    let settings = "file = 'v.age'\npassphrase = 'ask'";
    let vault = open(folder.folder(), settings, Some(Arc::new(Mistypes(AtomicUsize::new(0)))));
    expect_misconfigured(&set(&*vault, "a/b", "t").await.unwrap_err(), "differ");
    assert!(!folder.path("v.age").exists());

    let prompt = Answers::new(PASSPHRASE);
    let vault = open(folder.folder(), settings, Some(prompt.clone()));
    expect_misconfigured(&vault.probe().await.unwrap_err(), "secret set");
    assert_eq!(prompt.1.load(Ordering::SeqCst), 0, "no question is asked for a file that does not exist");
    set(&*vault, "a/b", "t").await.unwrap();
    assert_eq!(prompt.1.load(Ordering::SeqCst), 2);
    let again = open(folder.folder(), settings, Some(Answers::new(PASSPHRASE)));
    assert_eq!(token(&*again, "a/b").await.unwrap(), "t");
}

#[tokio::test]
async fn recipients_without_the_own_identity_are_refused_before_anything_is_written() {
    let folder = AgeFolder::with_empty_vault();
    folder.make_key("other.txt");
    fs::write(folder.path("team.txt"), recipient_of(&folder.path("other.txt"))).unwrap();
    let before = fs::read(folder.path("v.age")).unwrap();
    let vault = folder.open_with("file = 'v.age'\nidentity_file = 'key.txt'\nrecipients_file = 'team.txt'");
    expect_misconfigured(&set(&*vault, "a/b", "t").await.unwrap_err(), "recipients_file");
    assert_eq!(fs::read(folder.path("v.age")).unwrap(), before);
}

#[tokio::test]
async fn key_files_that_cannot_be_used_say_why_without_quoting_them() {
    let folder = AgeFolder::with_empty_vault();
    let vault = folder.open_with("file = 'v.age'\nidentity_file = 'odd.txt'\nrecipients_file = 'team.txt'");
    fs::write(folder.path("team.txt"), "# nobody\n").unwrap();
    expect_misconfigured(&vault.probe().await.unwrap_err(), "identity file");
    for (content, hint) in [
        ("# none\n", "contains no identity"),
        ("# one\nAGE-SECRET-KEY-1CANARY\n", "line 2"),
        ("AGE-PLUGIN-CANARY-1Q\n", "line 1"),
        ("# one\nAGE-SECRET-KEY-PQ-1CANARY\n", "post-quantum identities, the first on line 2"),
        ("-----BEGIN AGE ENCRYPTED FILE-----\ncanary\n", "encrypted itself"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nY2FuYXJ5\n-----END OPENSSH PRIVATE KEY-----\n",
            "not a supported ssh key",
        ),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "not a supported ssh key"),
    ] {
        fs::write(folder.path("odd.txt"), content).unwrap();
        let error = vault.probe().await.unwrap_err();
        expect_misconfigured(&error, hint);
        assert!(!format!("{error:?}").to_lowercase().contains("canary"), "{error:?}");
    }
    fs::copy(folder.path("key.txt"), folder.path("odd.txt")).unwrap();
    vault.probe().await.unwrap();
    expect_misconfigured(&set(&*vault, "a/b", "t").await.unwrap_err(), "contains no key");
    fs::copy(folder.path("key.txt"), folder.path("team.txt")).unwrap();
    let error = set(&*vault, "a/b", "t").await.unwrap_err();
    expect_misconfigured(&error, "line 3");
    assert!(!error.message().contains("AGE-SECRET"), "{error}");
}

#[tokio::test]
async fn an_identity_that_is_not_supported_leaves_the_others_usable() {
    let folder = AgeFolder::new();
    folder.encrypt(PLAINTEXT);
    let key = fs::read_to_string(folder.path("key.txt")).unwrap();
    let vault = folder.open_with("file = 'v.age'\nidentity_file = 'many.txt'");
    for other in ["AGE-SECRET-KEY-PQ-1CANARY", "AGE-PLUGIN-CANARY-1Q", "canary"] {
        for content in
            [format!("{other}\n{key}"), format!("{key}{other}\n"), format!("\u{feff}{other}\r\n{key}")]
        {
            fs::write(folder.path("many.txt"), content).unwrap();
            assert_eq!(token(&*vault, "github/work").await.unwrap(), "from age", "{other}");
        }
    }
    // A vault file may be encrypted for a plugin too, and would lose it. It never is for a post-quantum key and another.
    let before = fs::read(folder.path("v.age")).unwrap();
    let error = set(&*vault, "a/b", "t").await.unwrap_err();
    expect_misconfigured(&error, "line 1 of the identity file");
    assert!(!error.message().contains("canary"), "{error}");
    assert_eq!(fs::read(folder.path("v.age")).unwrap(), before);
    fs::write(folder.path("team.txt"), format!("\u{feff}{}\r\n", folder.recipient())).unwrap();
    let listed = folder.open_with("file = 'v.age'\nidentity_file = 'many.txt'\nrecipients_file = 'team.txt'");
    set(&*listed, "a/b", "t").await.unwrap();
    fs::write(folder.path("many.txt"), format!("AGE-SECRET-KEY-PQ-1CANARY\n{key}")).unwrap();
    set(&*vault, "a/b", "t").await.unwrap();
    assert_eq!(token(&*folder.open(), "a/b").await.unwrap(), "t");
}

#[tokio::test]
async fn a_byte_order_mark_is_no_part_of_a_key_file() {
    let folder = AgeFolder::new();
    folder.encrypt(PLAINTEXT);
    let key = fs::read_to_string(folder.path("key.txt")).unwrap();
    fs::write(folder.path("marked.txt"), format!("\u{feff}{}", key.replace('\n', "\r\n"))).unwrap();
    let vault = folder.open_with("file = 'v.age'\nidentity_file = 'marked.txt'");
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "from age");
    fs::write(folder.path("v.age"), quick_passphrase_file()).unwrap();
    fs::write(folder.path("pass.txt"), format!("\u{feff}{PASSPHRASE}\r\n")).unwrap();
    let vault = folder.open_with("file = 'v.age'\npassphrase_file = 'pass.txt'");
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "locked with a passphrase");
}

#[tokio::test]
async fn a_post_quantum_recipient_is_named_by_its_line() {
    let folder = AgeFolder::with_empty_vault();
    fs::write(folder.path("team.txt"), format!("{}\nage1pq1canary\n", folder.recipient())).unwrap();
    let vault = folder.open_with("file = 'v.age'\nidentity_file = 'key.txt'\nrecipients_file = 'team.txt'");
    let error = set(&*vault, "a/b", "t").await.unwrap_err();
    expect_misconfigured(&error, "has a post-quantum key, which is not supported, on line 2");
    assert!(!error.message().contains("canary"), "{error}");
}

#[track_caller]
fn expect_misconfigured(error: &VaultError, hint: &str) {
    assert_eq!((error.kind(), error.counts_for_breaker()), (ErrorKind::Misconfigured, true), "{error}");
    assert!(error.message().contains(hint), "{error}");
}
