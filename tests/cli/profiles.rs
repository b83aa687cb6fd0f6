//! `profile check` and `profile schema`.

use crate::site::{Site, TWO_VAULTS};

const THREE_PROBLEMS: &str = r#"
[vaults.files]
backend = "agee"
file = "secrets.age"

[vaults.variables]
backend = "env"
attempt_timeout = "soon"

[modules.github]
vault = "variable"
"#;

#[test]
fn a_good_profile_ends_with_0() {
    let ended = Site::new(TWO_VAULTS).run(&["profile", "check"]).expect(0);
    assert!(ended.stdout.contains("is valid: 2 vaults, 2 modules"), "{ended:#?}");
}

#[test]
fn a_wrong_profile_shows_every_problem_at_once_and_ends_with_2() {
    let site = Site::new(THREE_PROBLEMS);
    let ended = site.run(&["profile", "check"]).expect(2);
    for (place, word) in
        [("site.toml:3", "agee"), ("site.toml:8", "attempt_timeout"), ("site.toml:11", "variable")]
    {
        assert!(ended.stderr.contains(place) && ended.stderr.contains(word), "{place}: {}", ended.stderr);
    }
    // The same for any other command: none goes on with half a profile.
    site.run(&["module", "list"]).expect(2);
    site.run(&["serve"]).expect(2);
}

#[test]
fn a_wrong_profile_is_told_to_programs_as_json() {
    let problems = Site::new(THREE_PROBLEMS).run(&["profile", "check", "--json"]).expect(2).json();
    let lines: Vec<_> = problems["problems"].as_array().unwrap().iter().map(|p| p["line"].as_u64()).collect();
    assert!(
        lines.contains(&Some(3)) && lines.contains(&Some(8)) && lines.contains(&Some(11)),
        "{problems:#}"
    );
}

#[test]
fn an_unknown_profile_is_told_which_there_are() {
    let ended = Site::new(TWO_VAULTS).run(&["module", "list", "--profile", "devv"]).expect(2);
    assert!(ended.stderr.contains("\"dev\"") && ended.stderr.contains("airgap, dev"), "{ended:#?}");
    Site::new(TWO_VAULTS).run(&["module", "list", "--profile", "./nowhere.toml"]).expect(2);
}

#[test]
fn a_bad_manifest_is_told_and_leaves_the_others_alone() {
    let site = Site::new(TWO_VAULTS);
    site.write("modules/notes.toml", "format = 1\nname = \"notes\"\nnonsense = true\n");
    let checked = site.run(&["profile", "check"]).expect(1);
    assert!(checked.stderr.contains("notes.toml"), "{checked:#?}");
    let listed = site.run(&["module", "list", "--json"]).expect(1).json();
    let states: Vec<_> =
        listed["modules"].as_array().unwrap().iter().map(|m| (&m["name"], &m["state"])).collect();
    assert_eq!(states, [(&"notes".into(), &"down".into()), (&"tickets".into(), &"ready".into())]);
}

#[test]
fn a_module_whose_manifest_was_refused_is_there_and_says_why() {
    let site = Site::new(TWO_VAULTS);
    site.write("modules/notes.toml", "format = 1\nname = \"notes\"\nnonsense = true\n");
    for args in [
        &["module", "show", "notes"][..],
        &["call", "notes", "list"],
        &["secret", "get", "notes/default"],
        &["secret", "set", "notes/default", "username"],
        &["secret", "list", "notes"],
    ] {
        let ended = site.run(args).expect(1);
        for word in ["cannot be loaded", "notes.toml:3", "nonsense"] {
            assert!(ended.stderr.contains(word), "{args:?}: no `{word}` in {ended:#?}");
        }
    }
    let listed = site.run(&["module", "list"]).expect(1);
    assert!(listed.stdout.contains("notes") && listed.stdout.contains("cannot be loaded"), "{listed:#?}");
    assert!(listed.stderr.contains("notes.toml:3"), "{listed:#?}");
    let listed = site.run(&["module", "list", "--json"]).expect(1).json();
    let reason = listed["modules"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("notes.toml:3") && reason.contains("nonsense"), "{reason}");
    assert_eq!(listed["modules"][0]["vault"], "files");
    let accounts = site.run(&["secret", "list"]);
    assert!(accounts.stderr.contains("notes.toml:3"), "{accounts:#?}");
}

#[test]
fn the_schema_is_a_json_document_that_knows_the_backends() {
    let schema = Site::new(TWO_VAULTS).run(&["profile", "schema"]).expect(0);
    assert!(schema.json().is_object());
    assert!(schema.stdout.contains("identity_file"), "the age backend's keys are missing");
}

#[test]
fn modules_are_shown_with_their_tools() {
    let site = Site::new(TWO_VAULTS);
    let listed = site.run(&["module", "list"]).expect(0).stdout;
    assert!(listed.contains("tickets") && listed.contains("variables"), "{listed}");
    let shown = site.run(&["module", "show", "tickets"]).expect(0).stdout;
    assert!(shown.contains("List the tickets") && shown.contains("limit"), "{shown}");
    let ended = site.run(&["module", "show", "tikets"]).expect(2);
    assert!(ended.stderr.contains("tikets"), "{ended:#?}");
}
