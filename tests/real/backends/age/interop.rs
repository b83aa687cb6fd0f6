//! Cofferdam reads what the program `age` writes, and `age` reads what Cofferdam writes.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::fixture::{AgeFolder, decrypt, open, recipient_of, run, set, token};
use cofferdam_vault::{ErrorKind, Prompt, SecretString, Vault, VaultError};

const PLAINTEXT: &str = "[\"github/work\"]\ntoken = \"from age\"\n";

/// Written by Debian's age 1.1.1: `age -p -a -o passphrase.age plain.toml`, with the passphrase "correct horse".
const PASSPHRASE_FIXTURE: &[u8] = include_bytes!("../../../../backends/age/tests/fixtures/passphrase.age");
const PASSPHRASE: &str = "correct horse";

/// Reads what `age` wrote, writes, and reads the result with `age` and the identity `key`.
async fn both_directions(folder: &AgeFolder, vault: &dyn Vault, key: &str) {
    assert_eq!(token(vault, "github/work").await.unwrap(), "from age");
    set(vault, "github/home", "from cofferdam").await.unwrap();
    let plaintext = decrypt(&folder.path("v.age"), &folder.path(key));
    assert!(plaintext.starts_with(PLAINTEXT), "{plaintext}");
    assert!(plaintext.contains("[\"github/home\"]\ntoken = \"from cofferdam\""), "{plaintext}");
}

fn is_armored(folder: &AgeFolder) -> bool {
    fs::read(folder.path("v.age")).unwrap().starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----\n")
}

#[tokio::test]
async fn an_x25519_identity_works_both_ways_and_binary_stays_binary() {
    let folder = AgeFolder::new();
    folder.encrypt(PLAINTEXT);
    both_directions(&folder, &*folder.open(), "key.txt").await;
    assert!(!is_armored(&folder));
}

#[tokio::test]
async fn armor_stays_armor_unless_the_profile_says_otherwise() {
    let folder = AgeFolder::new();
    let encrypt = ["-a", "-r", &folder.recipient(), "-o", &folder.text("v.age")];
    run("age", &encrypt, PLAINTEXT.as_bytes());
    both_directions(&folder, &*folder.open(), "key.txt").await;
    assert!(is_armored(&folder));
    let binary = folder.open_with("file = 'v.age'\nidentity_file = 'key.txt'\narmor = false");
    set(&*binary, "github/home", "binary").await.unwrap();
    assert!(!is_armored(&folder));
    let armored = folder.open_with("file = 'v.age'\nidentity_file = 'key.txt'\narmor = true");
    set(&*armored, "github/home", "armored").await.unwrap();
    assert!(is_armored(&folder));
    assert!(folder.decrypt().contains("token = \"armored\""));
}

#[tokio::test]
async fn several_recipients_all_read_what_is_written() {
    let folder = AgeFolder::new();
    run("age-keygen", &["-o", &folder.text("other.txt")], b"");
    run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &folder.text("id")], b"");
    let recipients = format!(
        "# the team\n{}\n\n{}\n{}",
        folder.recipient(),
        recipient_of(&folder.path("other.txt")),
        fs::read_to_string(folder.path("id.pub")).unwrap(),
    );
    fs::write(folder.path("team.txt"), recipients).unwrap();
    run("age", &["-R", &folder.text("team.txt"), "-o", &folder.text("v.age")], PLAINTEXT.as_bytes());
    let vault = folder.open_with("file = 'v.age'\nidentity_file = 'key.txt'\nrecipients_file = 'team.txt'");
    for key in ["key.txt", "other.txt", "id"] {
        both_directions(&folder, &*vault, key).await;
    }
}

#[tokio::test]
async fn the_second_of_several_identities_opens_the_file_and_all_of_them_can_read_it_then() {
    let folder = AgeFolder::new();
    run("age-keygen", &["-o", &folder.text("first.txt")], b"");
    let both =
        [fs::read(folder.path("first.txt")).unwrap(), fs::read(folder.path("key.txt")).unwrap()].concat();
    fs::write(folder.path("both.txt"), both).unwrap();
    folder.encrypt(PLAINTEXT);
    let vault = folder.open_with("file = 'v.age'\nidentity_file = 'both.txt'");
    both_directions(&folder, &*vault, "key.txt").await;
    both_directions(&folder, &*vault, "first.txt").await;
}

#[tokio::test]
async fn ssh_keys_work_both_ways() {
    for arguments in
        [&["-t", "ed25519"][..], &["-t", "rsa", "-b", "2048"], &["-t", "rsa", "-b", "2048", "-m", "PEM"]]
    {
        let folder = AgeFolder::new();
        run("ssh-keygen", &[arguments, &["-q", "-N", "", "-f", &folder.text("id")]].concat(), b"");
        run("age", &["-R", &folder.text("id.pub"), "-o", &folder.text("v.age")], PLAINTEXT.as_bytes());
        both_directions(&folder, &*folder.open_with("file = 'v.age'\nidentity_file = 'id'"), "id").await;
    }
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

#[tokio::test]
async fn a_locked_ssh_key_is_asked_for_once_and_without_a_terminal_says_so() {
    let folder = AgeFolder::new();
    run("ssh-keygen", &["-q", "-t", "ed25519", "-N", PASSPHRASE, "-f", &folder.text("id")], b"");
    run("age", &["-R", &folder.text("id.pub"), "-o", &folder.text("v.age")], PLAINTEXT.as_bytes());
    let settings = "file = 'v.age'\nidentity_file = 'id'";

    let error = token(&*folder.open_with(settings), "github/work").await.unwrap_err();
    expect_misconfigured(&error, "ssh-keygen -p");

    let prompt = Answers::new(PASSPHRASE);
    let vault = open(folder.folder(), settings, Some(prompt.clone()));
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "from age");
    set(&*vault, "github/home", "from cofferdam").await.unwrap();
    assert_eq!(token(&*vault, "github/home").await.unwrap(), "from cofferdam");
    assert_eq!(prompt.1.load(Ordering::SeqCst), 1);

    let wrong = open(folder.folder(), settings, Some(Answers::new("canary wrong")));
    let error = token(&*wrong, "github/work").await.unwrap_err();
    expect_misconfigured(&error, "passphrase does not decrypt");
    assert!(!format!("{error:?}").contains("canary"));
}

#[tokio::test]
async fn a_passphrase_file_works_both_ways() {
    let folder = AgeFolder::new();
    fs::write(folder.path("v.age"), PASSPHRASE_FIXTURE).unwrap();
    fs::write(folder.path("pass.txt"), format!("{PASSPHRASE}\n")).unwrap();
    let vault = folder.open_with("file = 'v.age'\npassphrase_file = 'pass.txt'");
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "locked with a passphrase");
    set(&*vault, "github/home", "from cofferdam").await.unwrap();

    // `age` reads a passphrase only from a terminal; `script` (bsdutils) provides one.
    let age = cofferdam_servers::age().unwrap().join("age");
    let mut terminal = Command::new("script")
        .args(["-qec", &format!("{} -d v.age", age.display()), "/dev/null"])
        .current_dir(folder.folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test needs `script`: apt-get install bsdutils");
    std::io::Write::write_all(&mut terminal.stdin.take().unwrap(), format!("{PASSPHRASE}\n").as_bytes())
        .unwrap();
    let seen = String::from_utf8(terminal.wait_with_output().unwrap().stdout).unwrap();
    assert!(seen.contains("token = \"from cofferdam\""), "{seen}");
}

#[track_caller]
fn expect_misconfigured(error: &VaultError, hint: &str) {
    assert_eq!((error.kind(), error.counts_for_breaker()), (ErrorKind::Misconfigured, true), "{error}");
    assert!(error.message().contains(hint), "{error}");
}
