//! Help, and the errors of a wrong command line.

use cofferdam_testing::{COMMANDS, TWO_VAULTS, TestEnv};

#[test]
fn every_command_has_help_with_an_example() {
    let env = TestEnv::new(TWO_VAULTS);
    for command in COMMANDS {
        let help = env.run(&[command, &["--help"]].concat()).expect(0);
        let example = format!("cofferdam {}", command.join(" "));
        assert!(help.stdout.contains("Examples:"), "{command:?}: {}", help.stdout);
        assert!(help.stdout.contains("--profile"), "{command:?}: {}", help.stdout);
        let examples = help.stdout.split("Examples:").nth(1).unwrap_or_default();
        let named = examples.contains(&example) || examples.contains(command.last().unwrap());
        assert!(named, "{command:?}: {examples}");
        assert_eq!(help.stderr, "", "{command:?}");
    }
}

/// A script that stores the output in a file must notice that the disk is full.
#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_could_not_be_written_is_no_success() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = cofferdam_testing::cofferdam().args(["profile", "schema"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("cannot write to standard output"),
        "{output:?}"
    );
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_nothing_on_standard_output() {
    let env = TestEnv::new(TWO_VAULTS);
    let wrong: [&[&str]; 6] = [
        &[],
        &["sevre"],
        &["call", "notes"],
        &["secret", "get", "notes"],
        &["call", "notes", "list", "[1]"],
        &["serve", "--stdio", "--listen", "127.0.0.1:0"],
    ];
    for args in wrong {
        let output = env.run(args).expect(2);
        assert_eq!(output.stdout, "", "{args:?}");
        assert_ne!(output.stderr, "", "{args:?}");
    }
}

#[test]
fn nothing_is_coloured_without_a_terminal() {
    let env = TestEnv::new(TWO_VAULTS);
    for args in [&["--help"][..], &["module", "list"], &["call", "nix", "list"]] {
        let output = env.run(args);
        assert!(!output.stdout.contains('\u{1b}') && !output.stderr.contains('\u{1b}'), "{output:#?}");
    }
}
