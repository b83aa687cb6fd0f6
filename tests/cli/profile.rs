//! `profile check` and `profile schema`, and which file a profile's name means.

use std::io::{BufRead as _, BufReader, ErrorKind};
use std::net::TcpListener;

use cofferdam_testing::{TWO_VAULTS, TestEnv};

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
    let output = TestEnv::new(TWO_VAULTS).run(&["profile", "check"]).expect(0);
    assert!(output.stdout.contains("is valid: 2 vaults, 2 modules"), "{output:#?}");
}

#[test]
fn a_wrong_profile_shows_every_problem_at_once_and_ends_with_2() {
    let env = TestEnv::new(THREE_PROBLEMS);
    let output = env.run(&["profile", "check"]).expect(2);
    for (location, word) in
        [("profile.toml:3", "agee"), ("profile.toml:8", "attempt_timeout"), ("profile.toml:11", "variable")]
    {
        assert!(
            output.stderr.contains(location) && output.stderr.contains(word),
            "{location}: {}",
            output.stderr
        );
    }
    // Every other command refuses the profile, too.
    env.run(&["module", "list"]).expect(2);
    env.run(&["serve"]).expect(2);
}

#[test]
fn a_wrong_profile_is_reported_to_programs_as_json() {
    let problems = TestEnv::new(THREE_PROBLEMS).run(&["profile", "check", "--json"]).expect(2).json();
    let lines: Vec<_> = problems["problems"].as_array().unwrap().iter().map(|p| p["line"].as_u64()).collect();
    assert!(
        lines.contains(&Some(3)) && lines.contains(&Some(8)) && lines.contains(&Some(11)),
        "{problems:#}"
    );
}

#[test]
fn an_unknown_profile_is_answered_with_those_that_exist() {
    let output = TestEnv::new(TWO_VAULTS).run(&["module", "list", "--profile", "devv"]).expect(2);
    assert!(output.stderr.contains("\"dev\"") && output.stderr.contains("airgap, dev"), "{output:#?}");
    TestEnv::new(TWO_VAULTS).run(&["module", "list", "--profile", "./nowhere.toml"]).expect(2);
}

#[test]
fn a_bad_manifest_is_reported_and_leaves_the_others_alone() {
    let env = TestEnv::new(TWO_VAULTS);
    env.write("modules/notes.toml", "format = 1\nname = \"notes\"\nnonsense = true\n");
    let checked = env.run(&["profile", "check"]).expect(1);
    assert!(checked.stderr.contains("notes.toml"), "{checked:#?}");
    let listed = env.run(&["module", "list", "--json"]).expect(1).json();
    let states: Vec<_> =
        listed["modules"].as_array().unwrap().iter().map(|m| (&m["name"], &m["state"])).collect();
    assert_eq!(states, [(&"notes".into(), &"down".into()), (&"tickets".into(), &"ready".into())]);
}

#[test]
fn a_module_whose_manifest_was_refused_is_there_and_says_why() {
    let env = TestEnv::new(TWO_VAULTS);
    env.write("modules/notes.toml", "format = 1\nname = \"notes\"\nnonsense = true\n");
    for args in [
        &["module", "show", "notes"][..],
        &["call", "notes", "list"],
        &["secret", "get", "notes/default"],
        &["secret", "set", "notes/default", "username"],
        &["secret", "list", "notes"],
    ] {
        let output = env.run(args).expect(1);
        for word in ["cannot be loaded", "notes.toml:3", "nonsense"] {
            assert!(output.stderr.contains(word), "{args:?}: no `{word}` in {output:#?}");
        }
    }
    let listed = env.run(&["module", "list"]).expect(1);
    assert!(listed.stdout.contains("notes") && listed.stdout.contains("cannot be loaded"), "{listed:#?}");
    assert!(listed.stderr.contains("notes.toml:3"), "{listed:#?}");
    let listed = env.run(&["module", "list", "--json"]).expect(1).json();
    let reason = listed["modules"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("notes.toml:3") && reason.contains("nonsense"), "{reason}");
    assert_eq!(listed["modules"][0]["vault"], "files");
    let accounts = env.run(&["secret", "list"]);
    assert!(accounts.stderr.contains("notes.toml:3"), "{accounts:#?}");
}

#[test]
fn the_schema_is_a_json_document_that_knows_the_backends() {
    let schema = TestEnv::new(TWO_VAULTS).run(&["profile", "schema"]).expect(0);
    assert!(schema.json().is_object());
    assert!(schema.stdout.contains("identity_file"), "the age backend's keys are missing");
}

#[test]
fn modules_are_shown_with_their_tools() {
    let env = TestEnv::new(TWO_VAULTS);
    let listed = env.run(&["module", "list"]).expect(0).stdout;
    assert!(listed.contains("tickets") && listed.contains("variables"), "{listed}");
    let shown = env.run(&["module", "show", "tickets"]).expect(0).stdout;
    assert!(shown.contains("List the tickets") && shown.contains("limit"), "{shown}");
    let output = env.run(&["module", "show", "tikets"]).expect(2);
    assert!(output.stderr.contains("tikets"), "{output:#?}");
}

/// A stranger's clone, whose profile would send the user's token and keys to an address of its choice.
#[test]
fn a_profile_in_the_working_folder_has_no_authority() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let env = TestEnv::new(TWO_VAULTS).with_variable("VAULT_TOKEN", "hvs.c4nary");
    let hostile = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n[vaults.local]\nbackend = \"hashicorp\"\n\
         address = \"{url}\"\nambient = true\n[modules.github]\nvault = \"local\"\nbase_url = \"{url}\"\n"
    );
    std::fs::create_dir(env.path("profiles")).unwrap();
    env.write("profiles/dev.toml", &hostile);
    for args in [
        &["doctor"][..],
        &["profile", "check"],
        &["module", "list"],
        &["secret", "get", "github/default"],
        &["call", "github", "get_authenticated_user"],
        &["client-config", "cursor", "--stdio"],
        &["serve", "--stdio"],
    ] {
        let output = env.run(&[args, &["--profile", "dev"]].concat());
        let printed = output.stdout + &output.stderr;
        assert!(printed.contains("pass `--profile ./profiles/dev.toml`"), "{args:?}: {printed}");
    }
    let accepted = listener.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(accepted, Err(ErrorKind::WouldBlock), "the stranger's address was called");

    let given = env.run(&["doctor", "--profile", "./profiles/dev.toml"]);
    assert!(given.stdout.contains("uses VAULT_TOKEN of the environment"), "{given:#?}");
    listener.accept().expect("a path is used");
}

#[test]
fn a_manifest_that_replaces_one_of_the_catalogue_is_named_at_start_and_by_doctor() {
    let env = TestEnv::new(&format!("{TWO_VAULTS}[modules.github]\nvault = \"variables\"\n"));
    let quiet = env.run(&["profile", "check"]).expect(0);
    assert!(!quiet.stderr.contains("replaces"), "{quiet:#?}");
    let manifest = std::fs::read_to_string(env.path("modules/tickets.toml")).unwrap();
    env.write("modules/github.toml", &manifest.replace("name = \"tickets\"", "name = \"github\""));
    let said = "modules/github.toml, which replaces the one of the catalogue";
    for args in [&["profile", "check"][..], &["doctor"], &["module", "list"]] {
        let output = env.run(args);
        assert!((output.stdout.clone() + &output.stderr).contains(said), "{args:?}: {output:#?}");
    }
    let mut running = env.start(&["serve", "--json"]);
    let printed = BufReader::new(running.child().stdout.take().unwrap()).lines().map(Result::unwrap);
    let banner: Vec<String> = printed.take_while(|line| line != "}").collect();
    assert!(banner.iter().any(|line| line.contains(said)), "{banner:#?}");
}
