//! Many writers, and writers that are killed: the file is always whole, and nothing written is lost.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // in a test a panic is the report

mod support;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cofferdam_vault::testkit::{field, fields, path};
use cofferdam_vault::{ErrorKind, Expect, Stage, Vault};
use support::{AgeFolder, leftovers, set, token};

/// How many writers are killed.
const KILLS: u32 = 500;
/// How much text a round writes: enough for encrypting and writing to take a moment that a kill can hit.
const FILLER_BYTES: usize = 64 << 10;
/// What must never be found outside the encryption.
const CANARY: &str = "canary-3d9f";
/// The longest that a round of the writer takes, for kills at random moments.
const ROUND: Duration = Duration::from_millis(12);

/// What a writer prints for each round; nothing else prints it.
const WRITTEN: char = '\u{6}';

const PROCESSES: usize = 4;
const WRITERS: usize = 25;

/// The text that belongs to a round; a mixture of two rounds is none of either.
fn filler(round: u64) -> String {
    format!("{CANARY}-{round}-").repeat(FILLER_BYTES / 16)
}

/// Not a test: a process that writes round after round until it is killed, or adds its share and ends.
#[test]
#[ignore = "the other tests of this file start it"]
fn writer_process() {
    let Ok(folder) = std::env::var("COFFERDAM_TEST_FOLDER") else { return };
    let vault = support::open(Path::new(&folder), "file = 'v.age'\nidentity_file = 'key.txt'", None);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    if std::env::var("COFFERDAM_TEST_ADDS").is_ok() {
        runtime.block_on(async {
            futures_util::future::join_all((0..WRITERS).map(|_| add_one(&*vault))).await;
        });
        return;
    }
    runtime.block_on(async {
        let mut round = round_in(&*vault).await;
        loop {
            round += 1;
            let content = fields([("token", &*round.to_string()), ("filler", &*filler(round))]);
            vault.write(&path("a/rounds"), &content, Expect::Any).await.unwrap();
            print!("{WRITTEN}");
            std::io::stdout().flush().unwrap();
        }
    });
}

fn start_writer(folder: &Path, adds: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "writer_process", "--nocapture"])
        .env("COFFERDAM_TEST_FOLDER", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if adds {
        command.env("COFFERDAM_TEST_ADDS", "1");
    }
    command.spawn().unwrap()
}

async fn round_in(vault: &dyn Vault) -> u64 {
    let secret =
        vault.read(&path("a/rounds"), &[field("token"), field("filler")], Stage::Current).await.unwrap();
    let round = secret.expose(&field("token")).unwrap().parse().unwrap();
    assert!(secret.expose(&field("filler")) == Some(&*filler(round)), "round {round} is not whole");
    round
}

async fn add_one(vault: &dyn Vault) {
    loop {
        let secret = vault.read(&path("a/sum"), &[field("token")], Stage::Current).await.unwrap();
        let sum: u64 = secret.expose(&field("token")).unwrap().parse().unwrap();
        let more = fields([("token", &*(sum + 1).to_string())]);
        match vault.write(&path("a/sum"), &more, Expect::Version(secret.version)).await {
            Ok(_) => return,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
        }
    }
}

/// Waits until the writer has written a round in its life.
fn wait_for_a_round(writer: &mut Child) {
    let mut letter = [0];
    loop {
        writer.stdout.as_mut().unwrap().read_exact(&mut letter).expect("the writer ended by itself");
        if char::from(letter[0]) == WRITTEN {
            return;
        }
    }
}

/// Waits until there is a temporary file, or the time is over.
fn wait_for_a_temporary_file(folder: &Path) {
    let until = Instant::now() + ROUND * 50;
    while leftovers(folder).is_empty() && Instant::now() < until {}
}

fn assert_no_canary(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(
            !bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()),
            "plaintext is on the disk"
        );
    }
}

#[tokio::test]
async fn a_killed_writer_leaves_the_old_or_the_new_content() {
    let folder = AgeFolder::with_empty_vault();
    let vault = folder.open();
    set(&*vault, "a/neighbour", "untouched").await.unwrap();
    let start = fields([("token", "0"), ("filler", &*filler(0))]);
    vault.write(&path("a/rounds"), &start, Expect::Absent).await.unwrap();

    let (mut round, mut hits_at_random, mut hits_aimed) = (0, 0, 0);
    for kill in 0..KILLS {
        let mut writer = start_writer(folder.folder(), false);
        wait_for_a_round(&mut writer);
        let aimed = kill % 2 == 0;
        if aimed {
            wait_for_a_temporary_file(folder.folder());
        } else {
            // A moment of its own for each kill, spread evenly over a round.
            std::thread::sleep(ROUND * (kill * 37 % KILLS) / KILLS);
        }
        writer.kill().unwrap();
        writer.wait().unwrap();

        let hit = u32::from(!leftovers(folder.folder()).is_empty());
        if aimed {
            hits_aimed += hit
        } else {
            hits_at_random += hit
        }
        let now = round_in(&*vault).await;
        assert!(
            now > round,
            "kill {kill}: round {now} came after round {round}, and at least one was written"
        );
        assert_eq!(token(&*vault, "a/neighbour").await.unwrap(), "untouched");
        if kill % 25 == 0 {
            assert!(folder.decrypt().contains(&filler(now)), "the file can be decrypted");
            assert_no_canary(folder.folder());
        }
        round = now;
    }
    println!(
        "{KILLS} writers killed in {round} rounds; between temporary file and rename: {hits_at_random} of {} at random \
         moments, {hits_aimed} of {} aimed",
        KILLS / 2,
        KILLS / 2
    );
    assert!(hits_at_random + hits_aimed > 0, "no kill fell between temporary file and rename");

    assert_no_canary(folder.folder());
    set(&*vault, "a/neighbour", "touched").await.unwrap();
    assert_eq!(
        leftovers(folder.folder()),
        Vec::<String>::new(),
        "the next writer removes what killed ones left"
    );
}

#[tokio::test]
async fn a_hundred_writers_in_four_processes_lose_no_addition() {
    let folder = AgeFolder::with_empty_vault();
    let vault = folder.open();
    set(&*vault, "a/sum", "0").await.unwrap();
    let writers: Vec<Child> = (0..PROCESSES).map(|_| start_writer(folder.folder(), true)).collect();
    for writer in writers {
        let output = writer.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    assert_eq!(token(&*vault, "a/sum").await.unwrap(), (PROCESSES * WRITERS).to_string());
}
