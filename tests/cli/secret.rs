//! `secret set`, `get`, `list` and `delete` on vaults in files and variables.

use cofferdam_testing::{TWO_VAULTS, TestEnv};

const CANARY: &str = "canary-s3cret-41";

#[cfg(unix)]
#[test]
fn a_key_file_that_others_can_read_is_reported() {
    use std::os::unix::fs::PermissionsExt as _;
    let env = TestEnv::new(TWO_VAULTS);
    let set = ["secret", "set", "notes/default", "password"];
    let output = env.run_with_input(&set, "some-password").expect(0);
    assert_eq!(output.stderr, "", "{output:#?}");
    std::fs::set_permissions(env.path("key.txt"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = env.run_with_input(&set, "some-password").expect(0);
    assert!(output.stderr.contains("chmod 600"), "{output:#?}");
}

#[test]
fn a_secret_is_set_shown_listed_and_deleted() {
    let env = TestEnv::new(TWO_VAULTS);
    assert!(!env.path("secrets.age").exists());
    env.run(&["secret", "get", "notes/default"]).expect(1);

    env.run_with_input(&["secret", "set", "notes/default", "username"], "ada\n").expect(0);
    assert!(env.path("secrets.age").exists(), "the file was not created");
    let half = env.run(&["secret", "get", "notes/default"]).expect(1);
    assert!(half.stdout.contains("password") && half.stdout.contains("missing"), "{half:#?}");

    let set = env.run_with_input(&["secret", "set", "notes/default", "password"], CANARY).expect(0);
    assert!(!set.stdout.contains(CANARY) && !set.stderr.contains(CANARY), "{set:#?}");
    let whole = env.run(&["secret", "get", "notes/default"]).expect(0);
    assert!(whole.stdout.contains("username") && !whole.stdout.contains("ada"), "{whole:#?}");

    let listed = env.run(&["secret", "list", "notes", "--json"]).expect(1).json();
    assert_eq!(listed[0]["state"], "present", "{listed:#}");
    assert_eq!(listed[1]["state"], "absent", "{listed:#}");

    env.run(&["secret", "delete", "notes/default"]).expect(0);
    env.run(&["secret", "get", "notes/default"]).expect(1);
    env.run(&["secret", "delete", "notes/default"]).expect(1);
}

#[test]
fn values_are_printed_only_with_reveal() {
    let env = TestEnv::new(TWO_VAULTS);
    env.run_with_input(&["secret", "set", "notes/default", "username"], "ada").expect(0);
    env.run_with_input(&["secret", "set", "notes/default", "password"], CANARY).expect(0);
    for args in [&["secret", "get", "notes/default"][..], &["secret", "get", "notes/default", "--json"]] {
        let output = env.run(args).expect(0);
        assert!(!output.stdout.contains(CANARY) && !output.stderr.contains(CANARY), "{args:?}");
    }
    let shown = env.run(&["secret", "get", "notes/default", "--reveal", "--json"]).expect(0).json();
    assert_eq!(shown["fields"]["password"], CANARY);
    assert_eq!(shown["fields"]["username"], "ada", "the first field did not survive the second");
}

#[test]
fn fields_that_the_module_does_not_know_survive_a_set() {
    let env = TestEnv::new(TWO_VAULTS);
    env.run_with_input(&["secret", "set", "notes/default", "username"], "ada").expect(0);
    // The same vault, with a manifest whose credential has another field.
    let other = env.path("modules/notes.toml");
    let manifest = std::fs::read_to_string(&other).unwrap();
    std::fs::write(&other, manifest.replace("kind = \"basic\"", "kind = \"bearer\"")).unwrap();
    env.run_with_input(&["secret", "set", "notes/default", "token"], "t").expect(0);
    std::fs::write(&other, manifest).unwrap();
    let shown = env.run(&["secret", "get", "notes/default", "--reveal", "--json"]).expect(1).json();
    assert_eq!(shown["fields"]["username"], "ada", "{shown:#}");
}

#[test]
fn what_editors_add_is_stripped_and_what_no_service_accepts_is_refused() {
    let env = TestEnv::new(TWO_VAULTS);
    for (given, kept) in
        [("a\n", "a"), ("a\r\n", "a"), ("\u{feff}a\n", "a"), ("-----BEGIN\nb\n", "-----BEGIN\nb")]
    {
        env.run_with_input(&["secret", "set", "notes/work", "username"], given).expect(0);
        let shown = env.run(&["secret", "get", "notes/work", "--reveal", "--json"]).json();
        assert_eq!(shown["fields"]["username"], kept);
    }
    for refused in ["", &format!("{CANARY}\n\n"), &format!(" {CANARY}"), &format!("{CANARY}\0")] {
        let output = env.run_with_input(&["secret", "set", "notes/work", "username"], refused).expect(2);
        assert!(!output.stderr.contains(CANARY), "{output:#?}");
    }
    let shown = env.run(&["secret", "get", "notes/work", "--reveal", "--json"]).json();
    assert_eq!(shown["fields"]["username"], "-----BEGIN\nb", "nothing else was stored");
}

#[test]
fn an_environment_cannot_be_written_and_the_variable_is_named() {
    let env = TestEnv::new(TWO_VAULTS);
    let output = env.run_with_input(&["secret", "set", "tickets/default", "token"], CANARY).expect(1);
    assert!(output.stderr.contains("TICKETS_TOKEN"), "{output:#?}");
    assert!(!output.stderr.contains(CANARY), "{output:#?}");
    env.run(&["secret", "delete", "tickets/default"]).expect(1);
    let env = env.with_variable("TICKETS_TOKEN", CANARY);
    let got = env.run(&["secret", "get", "tickets/default", "--json"]).expect(0);
    assert!(got.stdout.contains("token") && !got.stdout.contains(CANARY), "{got:#?}");
}

#[test]
fn what_the_profile_does_not_have_is_a_usage_error_that_lists_what_it_has() {
    let env = TestEnv::new(TWO_VAULTS);
    for (args, word) in [
        (["secret", "set", "nots/default", "username"], "tickets"),
        (["secret", "set", "notes/home", "username"], "work"),
        (["secret", "set", "notes/work", "token"], "password"),
    ] {
        let output = env.run_with_input(&args, "x").expect(2);
        assert!(output.stderr.contains(word), "{output:#?}");
    }
}

#[test]
fn a_passphrase_is_asked_on_the_terminal_and_never_read_from_standard_input() {
    let profile = TWO_VAULTS.replace("identity_file = \"key.txt\"", "passphrase = \"ask\"");
    let env = TestEnv::new(&profile);
    // There is no terminal to ask on, and standard input is the value.
    let output = env.run_with_input(&["secret", "set", "notes/default", "username"], "ada\n");
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert!(!env.path("secrets.age").exists());
    assert!(output.stderr.contains("terminal"), "{output:#?}");
}
