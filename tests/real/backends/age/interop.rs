//! What the real `age` wrote is read, and what is written here the real `age` reads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // in a test a panic is the report

mod support;

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cofferdam_vault::{ErrorKind, Prompt, SecretString, Vault, VaultError};
use support::{Site, decrypt, open, recipient_of, run, set, token};

const PLAINTEXT: &str = "[\"github/work\"]\ntoken = \"from age\"\n";

/// Made by Debian's age 1.1.1: `age -p -a -o passphrase.age plain.toml`, the passphrase being "correct horse".
const PASSPHRASE_FIXTURE: &[u8] = include_bytes!("fixtures/passphrase.age");
const PASSPHRASE: &str = "correct horse";

/// The same plaintext and passphrase with little scrypt work, for tests that are about something else.
fn quick_passphrase_file() -> Vec<u8> {
    let mut recipient = age::scrypt::Recipient::new(PASSPHRASE.into());
    recipient.set_work_factor(4);
    age::encrypt(&recipient, b"[\"github/work\"]\ntoken = \"locked with a passphrase\"\n").unwrap()
}

/// Reads what `age` wrote, writes, and holds the file against `age` with the identity `key`.
async fn both_directions(site: &Site, vault: &dyn Vault, key: &str) {
    assert_eq!(token(vault, "github/work").await.unwrap(), "from age");
    set(vault, "github/home", "from cofferdam").await.unwrap();
    let plaintext = decrypt(&site.path("v.age"), &site.path(key));
    assert!(plaintext.starts_with(PLAINTEXT), "{plaintext}");
    assert!(plaintext.contains("[\"github/home\"]\ntoken = \"from cofferdam\""), "{plaintext}");
}

fn is_armored(site: &Site) -> bool {
    fs::read(site.path("v.age")).unwrap().starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----\n")
}

#[tokio::test]
async fn an_x25519_identity_works_both_ways_and_binary_stays_binary() {
    let site = Site::new();
    site.encrypt(PLAINTEXT);
    both_directions(&site, &*site.open(), "key.txt").await;
    assert!(!is_armored(&site));
}

#[tokio::test]
async fn armor_stays_armor_unless_the_profile_says_otherwise() {
    let site = Site::new();
    let encrypt = ["-a", "-r", &site.recipient(), "-o", &site.text("v.age")];
    run("age", &encrypt, PLAINTEXT.as_bytes());
    both_directions(&site, &*site.open(), "key.txt").await;
    assert!(is_armored(&site));
    let binary = site.open_with("file = 'v.age'\nidentity_file = 'key.txt'\narmor = false");
    set(&*binary, "github/home", "binary").await.unwrap();
    assert!(!is_armored(&site));
    let armored = site.open_with("file = 'v.age'\nidentity_file = 'key.txt'\narmor = true");
    set(&*armored, "github/home", "armored").await.unwrap();
    assert!(is_armored(&site));
    assert!(site.decrypt().contains("token = \"armored\""));
}

#[tokio::test]
async fn several_recipients_all_read_what_is_written() {
    let site = Site::new();
    run("age-keygen", &["-o", &site.text("other.txt")], b"");
    run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &site.text("id")], b"");
    let recipients = format!(
        "# the team\n{}\n\n{}\n{}",
        site.recipient(),
        recipient_of(&site.path("other.txt")),
        fs::read_to_string(site.path("id.pub")).unwrap(),
    );
    fs::write(site.path("team.txt"), recipients).unwrap();
    run("age", &["-R", &site.text("team.txt"), "-o", &site.text("v.age")], PLAINTEXT.as_bytes());
    let vault = site.open_with("file = 'v.age'\nidentity_file = 'key.txt'\nrecipients_file = 'team.txt'");
    for key in ["key.txt", "other.txt", "id"] {
        both_directions(&site, &*vault, key).await;
    }
}

#[tokio::test]
async fn the_second_of_several_identities_opens_the_file_and_all_of_them_can_read_it_then() {
    let site = Site::new();
    run("age-keygen", &["-o", &site.text("first.txt")], b"");
    let both = [fs::read(site.path("first.txt")).unwrap(), fs::read(site.path("key.txt")).unwrap()].concat();
    fs::write(site.path("both.txt"), both).unwrap();
    site.encrypt(PLAINTEXT);
    let vault = site.open_with("file = 'v.age'\nidentity_file = 'both.txt'");
    both_directions(&site, &*vault, "key.txt").await;
    both_directions(&site, &*vault, "first.txt").await;
}

#[tokio::test]
async fn ssh_keys_work_both_ways() {
    for arguments in
        [&["-t", "ed25519"][..], &["-t", "rsa", "-b", "2048"], &["-t", "rsa", "-b", "2048", "-m", "PEM"]]
    {
        let site = Site::new();
        run("ssh-keygen", &[arguments, &["-q", "-N", "", "-f", &site.text("id")]].concat(), b"");
        run("age", &["-R", &site.text("id.pub"), "-o", &site.text("v.age")], PLAINTEXT.as_bytes());
        both_directions(&site, &*site.open_with("file = 'v.age'\nidentity_file = 'id'"), "id").await;
    }
}

/// Answers every question the same, and counts them.
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

#[tokio::test]
async fn a_locked_ssh_key_is_asked_for_once_and_without_a_terminal_says_so() {
    let site = Site::new();
    run("ssh-keygen", &["-q", "-t", "ed25519", "-N", PASSPHRASE, "-f", &site.text("id")], b"");
    run("age", &["-R", &site.text("id.pub"), "-o", &site.text("v.age")], PLAINTEXT.as_bytes());
    let settings = "file = 'v.age'\nidentity_file = 'id'";

    let error = token(&*site.open_with(settings), "github/work").await.unwrap_err();
    expect_misconfigured(&error, "ssh-keygen -p");

    let person = Answers::new(PASSPHRASE);
    let vault = open(site.folder(), settings, Some(person.clone()));
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "from age");
    set(&*vault, "github/home", "from cofferdam").await.unwrap();
    assert_eq!(token(&*vault, "github/home").await.unwrap(), "from cofferdam");
    assert_eq!(person.1.load(Ordering::SeqCst), 1);

    let wrong = open(site.folder(), settings, Some(Answers::new("canary wrong")));
    let error = token(&*wrong, "github/work").await.unwrap_err();
    expect_misconfigured(&error, "passphrase does not open");
    assert!(!format!("{error:?}").contains("canary"));
}

#[tokio::test]
async fn a_passphrase_file_works_both_ways() {
    let site = Site::new();
    fs::write(site.path("v.age"), PASSPHRASE_FIXTURE).unwrap();
    fs::write(site.path("pass.txt"), format!("{PASSPHRASE}\n")).unwrap();
    let vault = site.open_with("file = 'v.age'\npassphrase_file = 'pass.txt'");
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "locked with a passphrase");
    set(&*vault, "github/home", "from cofferdam").await.unwrap();

    // `age` takes a passphrase from a terminal only, and `script` (bsdutils) is one.
    let age = cofferdam_servers::age().unwrap().join("age");
    let mut terminal = Command::new("script")
        .args(["-qec", &format!("{} -d v.age", age.display()), "/dev/null"])
        .current_dir(site.folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test needs `script`: apt-get install bsdutils");
    std::io::Write::write_all(&mut terminal.stdin.take().unwrap(), format!("{PASSPHRASE}\n").as_bytes())
        .unwrap();
    let seen = String::from_utf8(terminal.wait_with_output().unwrap().stdout).unwrap();
    assert!(seen.contains("token = \"from cofferdam\""), "{seen}");
}

#[tokio::test]
async fn a_wrong_or_missing_passphrase_says_so() {
    let site = Site::new();
    fs::write(site.path("v.age"), quick_passphrase_file()).unwrap();
    let vault = site.open_with("file = 'v.age'\npassphrase_file = 'pass.txt'");
    for (content, hint) in [
        (None, "create it"),
        (Some("canary wrong\n"), "passphrase does not open"),
        (Some("\n"), "is empty"),
        (Some("canary\ntwo lines"), "several lines"),
    ] {
        if let Some(content) = content {
            fs::write(site.path("pass.txt"), content).unwrap();
        }
        let error = token(&*vault, "github/work").await.unwrap_err();
        expect_misconfigured(&error, hint);
        assert!(!format!("{error:?}").contains("canary"));
    }
    let error = token(&*site.open(), "github/work").await.unwrap_err();
    expect_misconfigured(&error, "identity does not open");
    site.encrypt(PLAINTEXT);
    fs::write(site.path("pass.txt"), PASSPHRASE).unwrap();
    expect_misconfigured(&token(&*vault, "github/work").await.unwrap_err(), "set `identity_file`");
}

#[tokio::test]
async fn a_file_that_asks_for_too_much_work_is_refused_before_the_work() {
    let site = Site::new();
    // The header is read before its seal is checked, so that the number alone decides.
    let binary = quick_passphrase_file();
    let at = binary.windows(3).position(|window| window == b" 4\n").unwrap();
    fs::write(site.path("v.age"), [&binary[..at], b" 30", &binary[at + 2..]].concat()).unwrap();
    fs::write(site.path("pass.txt"), PASSPHRASE).unwrap();
    let vault = site.open_with("file = 'v.age'\npassphrase_file = 'pass.txt'");
    expect_misconfigured(&vault.probe().await.unwrap_err(), "2^30");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_callers_share_one_question() {
    let site = Site::new();
    fs::write(site.path("v.age"), quick_passphrase_file()).unwrap();
    let settings = "file = 'v.age'\npassphrase = 'ask'";
    let person = Answers::new(PASSPHRASE);
    let vault = open(site.folder(), settings, Some(person.clone()));
    let reads = (0..8).map(|_| token(&*vault, "github/work"));
    for answer in futures_util::future::join_all(reads).await {
        assert_eq!(answer.unwrap(), "locked with a passphrase");
    }
    assert_eq!(person.1.load(Ordering::SeqCst), 1);

    let nobody = open(site.folder(), settings, None);
    expect_misconfigured(&token(&*nobody, "github/work").await.unwrap_err(), "passphrase_file");
}

/// Answers differently each time, as someone who mistypes.
#[derive(Debug)]
struct Mistypes(AtomicUsize);

impl Prompt for Mistypes {
    fn secret(&self, _: &str) -> std::io::Result<SecretString> {
        Ok(format!("canary {}", self.0.fetch_add(1, Ordering::SeqCst)).into())
    }
}

#[tokio::test]
async fn the_passphrase_of_a_new_file_is_asked_for_twice() {
    let site = Site::new();
    let settings = "file = 'v.age'\npassphrase = 'ask'";
    let vault = open(site.folder(), settings, Some(Arc::new(Mistypes(AtomicUsize::new(0)))));
    expect_misconfigured(&set(&*vault, "a/b", "t").await.unwrap_err(), "differ");
    assert!(!site.path("v.age").exists());

    let person = Answers::new(PASSPHRASE);
    let vault = open(site.folder(), settings, Some(person.clone()));
    expect_misconfigured(&vault.probe().await.unwrap_err(), "secret set");
    assert_eq!(person.1.load(Ordering::SeqCst), 0, "nobody is asked to open what is not there");
    set(&*vault, "a/b", "t").await.unwrap();
    assert_eq!(person.1.load(Ordering::SeqCst), 2);
    let again = open(site.folder(), settings, Some(Answers::new(PASSPHRASE)));
    assert_eq!(token(&*again, "a/b").await.unwrap(), "t");
}

#[tokio::test]
async fn recipients_without_the_own_identity_are_refused_before_anything_is_written() {
    let site = Site::with_empty_vault();
    run("age-keygen", &["-o", &site.text("other.txt")], b"");
    fs::write(site.path("team.txt"), recipient_of(&site.path("other.txt"))).unwrap();
    let before = fs::read(site.path("v.age")).unwrap();
    let vault = site.open_with("file = 'v.age'\nidentity_file = 'key.txt'\nrecipients_file = 'team.txt'");
    expect_misconfigured(&set(&*vault, "a/b", "t").await.unwrap_err(), "recipients_file");
    assert_eq!(fs::read(site.path("v.age")).unwrap(), before);
}

#[tokio::test]
async fn key_files_that_cannot_be_used_say_why_without_quoting_them() {
    let site = Site::with_empty_vault();
    let vault = site.open_with("file = 'v.age'\nidentity_file = 'odd.txt'\nrecipients_file = 'team.txt'");
    fs::write(site.path("team.txt"), "# nobody\n").unwrap();
    expect_misconfigured(&vault.probe().await.unwrap_err(), "no identity file");
    for (content, hint) in [
        ("# none\n", "holds no identity"),
        ("# one\nAGE-SECRET-KEY-1CANARY\n", "line 2"),
        ("AGE-PLUGIN-CANARY-1Q\n", "line 1"),
        ("-----BEGIN AGE ENCRYPTED FILE-----\ncanary\n", "encrypted itself"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nY2FuYXJ5\n-----END OPENSSH PRIVATE KEY-----\n",
            "not an ssh key",
        ),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "not an ssh key"),
    ] {
        fs::write(site.path("odd.txt"), content).unwrap();
        let error = vault.probe().await.unwrap_err();
        expect_misconfigured(&error, hint);
        assert!(!format!("{error:?}").to_lowercase().contains("canary"), "{error:?}");
    }
    fs::copy(site.path("key.txt"), site.path("odd.txt")).unwrap();
    vault.probe().await.unwrap();
    expect_misconfigured(&set(&*vault, "a/b", "t").await.unwrap_err(), "lists no key");
    fs::copy(site.path("key.txt"), site.path("team.txt")).unwrap();
    let error = set(&*vault, "a/b", "t").await.unwrap_err();
    expect_misconfigured(&error, "line 3");
    assert!(!error.message().contains("AGE-SECRET"), "{error}");
}

#[track_caller]
fn expect_misconfigured(error: &VaultError, hint: &str) {
    assert_eq!((error.kind(), error.counts_for_breaker()), (ErrorKind::Misconfigured, true), "{error}");
    assert!(error.message().contains(hint), "{error}");
}
