//! `secret copy` from vault to vault, killed at random moments and resumed, loses and duplicates nothing.
//!
//! environment → age → Vault → keychain → Secrets Manager (moto) → age, with real servers, some behind a slow network.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::fixture::{self, ACCOUNTS, Fixture};

/// How often each of the five copies is killed.
const KILLS: usize = 13;

/// The most secrets that a run may copy before it is killed: so few that no copy ends before its last kill.
const MOST_DONE: usize = 1;

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_from_store_to_store_that_is_killed_sixty_times_loses_and_doubles_nothing() {
    let mut copies = Fixture::new().await;
    let secrets = 2 * ACCOUNTS;
    let (mut kills, mut inside) = (0, 0);
    let stores = ["variables", "files", "hashi", "laptop", "cloud", "back"];
    for (hop, (from, to)) in stores.iter().zip(&stores[1..]).enumerate() {
        let before = kills;
        let dry = copies.copy(from, to, &["--json"]).expect(0).json();
        assert_eq!(fixture::count(&dry, "copy"), secrets, "{from} to {to}: {dry:#}");
        // If a copy ends before it is killed, the next one is killed more often.
        while kills < KILLS * (hop + 1) {
            let pause = Duration::from_micros(fastrand::u64(0..8_000));
            let killed = copies.copy_and_kill(from, to, fastrand::usize(0..=MOST_DONE), pause);
            if !killed.by_signal {
                break;
            }
            kills += 1;
            inside += usize::from(killed.planned);
        }
        // A secret in flight when it was killed counts as done or as not begun, and never as a conflict.
        let left = copies.copy(from, to, &["--json"]).expect(0).json();
        let (to_copy, equal) = (fixture::count(&left, "copy"), fixture::count(&left, "equal"));
        assert_eq!(to_copy + equal, secrets, "{left:#}");
        assert!(equal > 0, "{from} to {to}: no run ever came to write");
        let last = copies.copy(from, to, &["--apply"]).expect(0);
        assert!(last.stdout.contains(&format!("{to_copy} copied, {equal} already equal")), "{}", last.stdout);
        let again = copies.copy(from, to, &["--apply", "--json"]).expect(0).json();
        assert_eq!(fixture::count(&again, "equal"), secrets, "{again:#}");
        println!(
            "{from} to {to}: killed {} times, {equal} of {secrets} done before the last run",
            kills - before
        );
    }
    println!("{kills} kills, {inside} of them after the plan was printed");
    assert!(kills >= 60 && inside >= 50, "{inside} of {kills} kills fell inside the work");

    for path in copies.paths() {
        assert_eq!(copies.versions_in_vault(&path).await, 1, "{path} in Vault");
        assert_eq!(copies.versions_in_aws(&path).await, 1, "{path} in Secrets Manager");
    }
    copies.expect_fields_in_back();
    let names: BTreeSet<String> = copies.age_folder();
    let expected = ["back.age", "back.age.lock", "one.age", "one.age.lock"];
    assert_eq!(names, expected.map(str::to_owned).into(), "something was left behind");
    copies.expect_no_value_was_printed();
}
