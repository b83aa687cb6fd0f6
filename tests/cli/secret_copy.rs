//! `secret copy` between vaults made on the spot; from store to store and killed, it is in `tests/operator`.

use crate::site::{Site, TWO_VAULTS};

const CANARY: &str = "canary-c0py-17";

/// [`TWO_VAULTS`] with a third vault that no module uses.
fn three_vaults() -> String {
    format!(
        "{TWO_VAULTS}\n[vaults.spare]\nbackend = \"age\"\nfile = \"spare.age\"\nidentity_file = \"key.txt\"\n"
    )
}

fn site() -> Site {
    let site = Site::new(&three_vaults()).with_variable("TICKETS_TOKEN", CANARY);
    for (field, value) in [("username", "ada"), ("password", CANARY)] {
        site.run_with_input(&["secret", "set", "notes/default", field], value).expect(0);
    }
    site
}

/// The states of a copy's document, by credential.
fn states(document: &serde_json::Value) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    document["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (text(&row["secret"]), text(&row["state"])))
        .collect()
}

fn state(name: &str, state: &str) -> (String, String) {
    (name.to_owned(), state.to_owned())
}

#[test]
fn without_apply_nothing_is_changed_and_with_it_everything_is_there() {
    let site = site();
    let copy = ["secret", "copy", "--from", "files", "--to", "spare"];
    let dry = site.run(&copy).expect(0);
    assert!(dry.stdout.contains("1 to copy") && dry.stderr.contains("--apply"), "{dry:#?}");
    assert!(!site.path().join("spare.age").exists(), "a dry run wrote");
    let apply = [&copy[..], &["--apply"]].concat();
    let done = site.run(&apply).expect(0);
    assert!(done.stdout.contains("copied notes/default to notes/default in spare"), "{done:#?}");
    let again = site.run(&[&apply[..], &["--json"]].concat()).expect(0).json();
    // The account `work` has nothing to copy, which is no fault of the copy.
    assert_eq!(states(&again), [state("notes/default", "equal"), state("notes/work", "absent")], "{again:#}");
    // The source keeps what it had.
    site.run(&["secret", "get", "notes/default"]).expect(0);
    let from_variables = ["secret", "copy", "--from", "variables", "--to", "spare", "--apply", "--json"];
    let document = site.run(&from_variables).expect(0).json();
    assert_eq!(states(&document), [state("tickets/default", "copied")], "{document:#}");
    // Back again: both are there now, one of them no module's of that vault.
    let back = site.run(&["secret", "copy", "--from", "spare", "--to", "files", "--json"]).expect(0).json();
    assert_eq!(
        states(&back),
        [state("notes/default", "equal"), state("tickets/default", "copy")],
        "{back:#}"
    );
    for ended in [dry, done] {
        assert!(!ended.stdout.contains(CANARY) && !ended.stderr.contains(CANARY), "a value was printed");
    }
}

#[test]
fn what_differs_stays_unless_it_is_to_be_replaced() {
    let site = site();
    let copy = ["secret", "copy", "--from", "files", "--to", "spare", "--apply"];
    site.run(&copy).expect(0);
    site.run_with_input(&["secret", "set", "notes/default", "password"], "another").expect(0);
    let conflict = site.run(&copy).expect(1);
    assert!(conflict.stdout.contains("another value in password"), "{conflict:#?}");
    assert!(conflict.stderr.contains("--replace"), "{conflict:#?}");
    assert!(!conflict.stderr.contains("go on with"), "the same command would change nothing: {conflict:#?}");
    let document = site.run(&[&copy[..], &["--json"]].concat()).expect(1).json();
    assert_eq!(states(&document)[0], state("notes/default", "conflict"), "{document:#}");
    let replaced = [&copy[..], &["--replace", "--json"]].concat();
    assert_eq!(states(&site.run(&replaced).expect(0).json())[0], state("notes/default", "copied"));
    assert_eq!(states(&site.run(&replaced).expect(0).json())[0], state("notes/default", "equal"));
}

#[test]
fn what_cannot_be_copied_is_refused_before_anything_is_done() {
    let site = site();
    for (args, word) in [
        (&["--from", "files", "--to", "files"][..], "same store"),
        (&["--from", "files", "--to", "variables"], "cannot be written"),
        (&["--from", "nowhere", "--to", "files"], "has no vault `nowhere`"),
        (&["--from", "files", "--to", "nowhere"], "its vaults are"),
        (&["--from", "files"], "--to"),
        (&["--from", "files", "--to-profile", "nowhere.toml"], "nowhere.toml"),
    ] {
        let ended = site.run(&[&["secret", "copy", "--apply"], args].concat()).expect(2);
        assert!(ended.stderr.contains(word), "{args:?}: {ended:#?}");
    }
}

#[test]
fn between_profiles_each_goes_to_its_modules_vault() {
    let site = site();
    // There each module has a vault of its own, and `tickets` another path.
    let other = TWO_VAULTS.replace("secrets.age", "other-notes.age").replace(
        "backend = \"env\"",
        "backend = \"age\"\nfile = \"other-tickets.age\"\nidentity_file = \"key.txt\"",
    ) + "path = \"team/{module}/{account}\"\n";
    site.write("other.toml", &other);
    for (from, name, path, vault) in [
        ("variables", "tickets/default", "team/tickets/default", "variables"),
        ("files", "notes/default", "notes/default", "files"),
    ] {
        let copy = ["secret", "copy", "--from", from, "--to-profile", "other.toml", "--apply", "--json"];
        let document = site.run(&copy).expect(0).json();
        let row = &document["secrets"][0];
        assert_eq!((&row["secret"], &row["state"]), (&name.into(), &"copied".into()), "{document:#}");
        assert_eq!((&row["to_path"], &row["to_vault"]), (&path.into(), &vault.into()), "{document:#}");
        site.run(&["secret", "get", name, "--profile", "other.toml"]).expect(0);
    }
}
