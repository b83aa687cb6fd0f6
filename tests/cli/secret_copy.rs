//! `secret copy` between vaults in files. Between real servers, and killed, it is tested in `tests/real/cli`.

use cofferdam_testing::{TWO_VAULTS, TestEnv};

const CANARY: &str = "canary-c0py-17";

/// [`TWO_VAULTS`] with a third vault that no module uses.
fn three_vaults() -> String {
    format!(
        "{TWO_VAULTS}\n[vaults.spare]\nbackend = \"age\"\nfile = \"spare.age\"\nidentity_file = \"key.txt\"\n"
    )
}

fn env_with_secrets() -> TestEnv {
    let env = TestEnv::new(&three_vaults()).with_variable("TICKETS_TOKEN", CANARY);
    for (field, value) in [("username", "ada"), ("password", CANARY)] {
        env.run_with_input(&["secret", "set", "notes/default", field], value).expect(0);
    }
    env
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
    let env = env_with_secrets();
    let copy = ["secret", "copy", "--from", "files", "--to", "spare"];
    let dry = env.run(&copy).expect(0);
    assert!(dry.stdout.contains("1 to copy") && dry.stderr.contains("--apply"), "{dry:#?}");
    assert!(!env.path("spare.age").exists(), "a dry run wrote");
    let apply = [&copy[..], &["--apply"]].concat();
    let done = env.run(&apply).expect(0);
    assert!(done.stdout.contains("copied notes/default to notes/default in spare"), "{done:#?}");
    let again = env.run(&[&apply[..], &["--json"]].concat()).expect(0).json();
    // The account `work` has no secret, which is not a failure.
    assert_eq!(states(&again), [state("notes/default", "equal"), state("notes/work", "absent")], "{again:#}");
    // The source keeps its secret.
    env.run(&["secret", "get", "notes/default"]).expect(0);
    let from_variables = ["secret", "copy", "--from", "variables", "--to", "spare", "--apply", "--json"];
    let document = env.run(&from_variables).expect(0).json();
    assert_eq!(states(&document), [state("tickets/default", "copied")], "{document:#}");
    // Back again: both are there now; one of them belongs to a module of another vault.
    let back = env.run(&["secret", "copy", "--from", "spare", "--to", "files", "--json"]).expect(0).json();
    assert_eq!(
        states(&back),
        [state("notes/default", "equal"), state("tickets/default", "copy")],
        "{back:#}"
    );
    for output in [dry, done] {
        assert!(!output.stdout.contains(CANARY) && !output.stderr.contains(CANARY), "a value was printed");
    }
}

#[test]
fn what_differs_stays_unless_it_is_to_be_replaced() {
    let env = env_with_secrets();
    let copy = ["secret", "copy", "--from", "files", "--to", "spare", "--apply"];
    env.run(&copy).expect(0);
    env.run_with_input(&["secret", "set", "notes/default", "password"], "another").expect(0);
    let conflict = env.run(&copy).expect(1);
    assert!(conflict.stdout.contains("another value in password"), "{conflict:#?}");
    assert!(conflict.stderr.contains("--replace"), "{conflict:#?}");
    assert!(
        !conflict.stderr.contains("resume it with"),
        "the same command would change nothing: {conflict:#?}"
    );
    let document = env.run(&[&copy[..], &["--json"]].concat()).expect(1).json();
    assert_eq!(states(&document)[0], state("notes/default", "conflict"), "{document:#}");
    let replaced = [&copy[..], &["--replace", "--json"]].concat();
    assert_eq!(states(&env.run(&replaced).expect(0).json())[0], state("notes/default", "copied"));
    assert_eq!(states(&env.run(&replaced).expect(0).json())[0], state("notes/default", "equal"));
}

#[test]
fn what_cannot_be_copied_is_refused_before_anything_is_done() {
    let env = env_with_secrets();
    for (args, word) in [
        (&["--from", "files", "--to", "files"][..], "same store"),
        (&["--from", "files", "--to", "variables"], "cannot copy to vault `variables`"),
        (&["--from", "nowhere", "--to", "files"], "has no vault \"nowhere\""),
        (&["--from", "files", "--to", "nowhere"], "its vaults are"),
        (&["--from", "files"], "--to"),
        (&["--from", "files", "--to-profile", "nowhere.toml"], "nowhere.toml"),
    ] {
        let output = env.run(&[&["secret", "copy", "--apply"], args].concat()).expect(2);
        assert!(output.stderr.contains(word), "{args:?}: {output:#?}");
    }
}

#[test]
fn between_profiles_each_goes_to_its_modules_vault() {
    let env = env_with_secrets();
    // In the other profile, each module has a vault of its own, and `tickets` another path.
    let other = TWO_VAULTS.replace("secrets.age", "other-notes.age").replace(
        "backend = \"env\"",
        "backend = \"age\"\nfile = \"other-tickets.age\"\nidentity_file = \"key.txt\"",
    ) + "path = \"team/{module}/{account}\"\n";
    env.write("other.toml", &other);
    for (from, name, path, vault) in [
        ("variables", "tickets/default", "team/tickets/default", "variables"),
        ("files", "notes/default", "notes/default", "files"),
    ] {
        let copy = ["secret", "copy", "--from", from, "--to-profile", "other.toml", "--apply", "--json"];
        let document = env.run(&copy).expect(0).json();
        let row = &document["secrets"][0];
        assert_eq!((&row["secret"], &row["state"]), (&name.into(), &"copied".into()), "{document:#}");
        assert_eq!((&row["to_path"], &row["to_vault"]), (&path.into(), &vault.into()), "{document:#}");
        env.run(&["secret", "get", name, "--profile", "other.toml"]).expect(0);
    }
}
