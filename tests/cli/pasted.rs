//! A credential that was pasted where another argument belongs is not printed.

use cofferdam_testing::{TWO_VAULTS, TestEnv};

const PASTED: [&str; 3] = [
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "550e8400-e29b-41d4-a716-446655440000",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
];

/// A command line that is right except for `@`, which is replaced by a credential.
const COMMAND_LINES: [&[&str]; 24] = [
    &["@"],
    &["--@"],
    &["secret", "@"],
    &["secret", "set", "notes/default", "@"],
    &["secret", "set", "notes/default", "token", "@"],
    &["secret", "set", "notes/default", "--token=@"],
    &["secret", "set", "@"],
    &["secret", "get", "notes/@"],
    &["secret", "get", "@/default"],
    &["secret", "delete", "notes/@"],
    &["secret", "list", "@"],
    &["secret", "copy", "--from", "@", "--to", "files"],
    &["secret", "copy", "--from", "files", "--to", "@"],
    &["call", "@", "list"],
    &["call", "notes", "@"],
    &["call", "notes", "list", "{}", "@"],
    &["call", "notes", "list", "@"],
    &["call", "notes", "list", "{}", "--account", "@"],
    &["module", "show", "@"],
    &["serve", "--listen", "@"],
    &["serve", "--log-format=@"],
    &["client-config", "@"],
    &["completions", "@"],
    &["profile", "check", "--profile", "@"],
];

#[test]
fn no_command_repeats_a_credential() {
    let env = TestEnv::new(TWO_VAULTS);
    for secret in PASTED {
        for line in COMMAND_LINES {
            let args: Vec<String> = line.iter().map(|word| word.replace('@', secret)).collect();
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            for more in [&[][..], &["--json"]] {
                let output = env.run(&[&args[..], more].concat());
                let printed = output.stdout.clone() + &output.stderr;
                assert!(!printed.contains(secret), "{line:?}: {printed}");
                assert_ne!(output.code, Some(0), "{line:?}: {printed}");
            }
        }
    }
}

#[test]
fn a_misspelt_argument_is_still_repeated() {
    let env = TestEnv::new(TWO_VAULTS);
    for (args, said) in [
        (&["secrt"][..], "'secrt'"),
        (&["secret", "get", "notes/default", "--revael"], "'--revael'"),
        (&["client-config", "cursr"], "'cursr'"),
        (&["module", "show", "notse"], "\"notse\""),
    ] {
        let output = env.run(args).expect(2);
        assert!(output.stderr.contains(said), "{said}: {output:#?}");
    }
}

#[test]
fn a_filter_of_the_log_is_not_repeated_if_it_may_be_a_credential() {
    for secret in PASTED {
        let env = TestEnv::new(TWO_VAULTS).with_variable("COFFERDAM_LOG", &format!("[{secret}"));
        let output = env.run(&["profile", "check"]);
        assert!(!(output.stdout.clone() + &output.stderr).contains(secret), "{output:#?}");
    }
}
