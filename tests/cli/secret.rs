//! `secret set`, `get`, `list` and `delete` on vaults made on the spot.

use crate::site::{Site, TWO_VAULTS};

const CANARY: &str = "canary-s3cret-41";

#[cfg(unix)]
#[test]
fn a_key_file_that_others_can_read_is_reported() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::new(TWO_VAULTS);
    let set = ["secret", "set", "notes/default", "password"];
    let ended = site.run_with_input(&set, "some-password").expect(0);
    assert_eq!(ended.stderr, "", "{ended:#?}");
    std::fs::set_permissions(site.path().join("key.txt"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let ended = site.run_with_input(&set, "some-password").expect(0);
    assert!(ended.stderr.contains("chmod 600"), "{ended:#?}");
}

#[test]
fn a_secret_is_set_shown_listed_and_deleted() {
    let site = Site::new(TWO_VAULTS);
    assert!(!site.path().join("secrets.age").exists());
    site.run(&["secret", "get", "notes/default"]).expect(1);

    site.run_with_input(&["secret", "set", "notes/default", "username"], "ada\n").expect(0);
    assert!(site.path().join("secrets.age").exists(), "the file was not created");
    let half = site.run(&["secret", "get", "notes/default"]).expect(1);
    assert!(half.stdout.contains("password") && half.stdout.contains("missing"), "{half:#?}");

    let set = site.run_with_input(&["secret", "set", "notes/default", "password"], CANARY).expect(0);
    assert!(!set.stdout.contains(CANARY) && !set.stderr.contains(CANARY), "{set:#?}");
    let whole = site.run(&["secret", "get", "notes/default"]).expect(0);
    assert!(whole.stdout.contains("username") && !whole.stdout.contains("ada"), "{whole:#?}");

    let listed = site.run(&["secret", "list", "notes", "--json"]).expect(1).json();
    assert_eq!(listed[0]["state"], "present", "{listed:#}");
    assert_eq!(listed[1]["state"], "absent", "{listed:#}");

    site.run(&["secret", "delete", "notes/default"]).expect(0);
    site.run(&["secret", "get", "notes/default"]).expect(1);
    site.run(&["secret", "delete", "notes/default"]).expect(1);
}

#[test]
fn values_are_printed_only_with_reveal() {
    let site = Site::new(TWO_VAULTS);
    site.run_with_input(&["secret", "set", "notes/default", "username"], "ada").expect(0);
    site.run_with_input(&["secret", "set", "notes/default", "password"], CANARY).expect(0);
    for args in [&["secret", "get", "notes/default"][..], &["secret", "get", "notes/default", "--json"]] {
        let ended = site.run(args).expect(0);
        assert!(!ended.stdout.contains(CANARY) && !ended.stderr.contains(CANARY), "{args:?}");
    }
    let shown = site.run(&["secret", "get", "notes/default", "--reveal", "--json"]).expect(0).json();
    assert_eq!(shown["fields"]["password"], CANARY);
    assert_eq!(shown["fields"]["username"], "ada", "the first field did not survive the second");
}

#[test]
fn fields_that_the_module_does_not_know_survive_a_set() {
    let site = Site::new(TWO_VAULTS);
    site.run_with_input(&["secret", "set", "notes/default", "username"], "ada").expect(0);
    // The same file, read by a module whose credential has another field.
    let other = site.path().join("modules/notes.toml");
    let manifest = std::fs::read_to_string(&other).unwrap();
    std::fs::write(&other, manifest.replace("kind = \"basic\"", "kind = \"bearer\"")).unwrap();
    site.run_with_input(&["secret", "set", "notes/default", "token"], "t").expect(0);
    std::fs::write(&other, manifest).unwrap();
    let shown = site.run(&["secret", "get", "notes/default", "--reveal", "--json"]).expect(1).json();
    assert_eq!(shown["fields"]["username"], "ada", "{shown:#}");
}

#[test]
fn one_newline_at_the_end_is_stripped() {
    let site = Site::new(TWO_VAULTS);
    for (given, kept) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("-----\nb\n", "-----\nb")] {
        site.run_with_input(&["secret", "set", "notes/work", "username"], given).expect(0);
        let shown = site.run(&["secret", "get", "notes/work", "--reveal", "--json"]).json();
        assert_eq!(shown["fields"]["username"], kept);
    }
    site.run_with_input(&["secret", "set", "notes/work", "username"], "").expect(2);
}

#[test]
fn an_environment_cannot_be_written_and_the_variable_is_named() {
    let site = Site::new(TWO_VAULTS);
    let ended = site.run_with_input(&["secret", "set", "tickets/default", "token"], CANARY).expect(1);
    assert!(ended.stderr.contains("TICKETS_TOKEN"), "{ended:#?}");
    assert!(!ended.stderr.contains(CANARY), "{ended:#?}");
    site.run(&["secret", "delete", "tickets/default"]).expect(1);
    let site = site.with_variable("TICKETS_TOKEN", CANARY);
    let got = site.run(&["secret", "get", "tickets/default", "--json"]).expect(0);
    assert!(got.stdout.contains("token") && !got.stdout.contains(CANARY), "{got:#?}");
}

#[test]
fn what_the_profile_does_not_have_is_a_usage_error_that_lists_what_it_has() {
    let site = Site::new(TWO_VAULTS);
    for (args, word) in [
        (["secret", "set", "nots/default", "username"], "tickets"),
        (["secret", "set", "notes/home", "username"], "work"),
        (["secret", "set", "notes/work", "token"], "password"),
    ] {
        let ended = site.run_with_input(&args, "x").expect(2);
        assert!(ended.stderr.contains(word), "{ended:#?}");
    }
}

#[test]
fn a_passphrase_is_asked_on_the_terminal_and_never_read_from_standard_input() {
    let profile = TWO_VAULTS.replace("identity_file = \"key.txt\"", "passphrase = \"ask\"");
    let site = Site::new(&profile);
    // There is no terminal, so nothing can be asked. Were standard input read instead, this would succeed.
    let ended = site.run_with_input(&["secret", "set", "notes/default", "username"], "ada\nada\nada\n");
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(!site.path().join("secrets.age").exists());
    assert!(ended.stderr.contains("terminal"), "{ended:#?}");
}
