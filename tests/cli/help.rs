//! Help, and what a wrong command line is told.

use crate::site::{Site, TWO_VAULTS};

/// All commands.
pub(crate) const COMMANDS: [&[&str]; 16] = [
    &["serve"],
    &["demo"],
    &["call"],
    &["doctor"],
    &["module", "list"],
    &["module", "show"],
    &["secret", "set"],
    &["secret", "get"],
    &["secret", "list"],
    &["secret", "copy"],
    &["secret", "delete"],
    &["profile", "check"],
    &["profile", "schema"],
    &["client-config"],
    &["completions"],
    &["man"],
];

#[test]
fn every_command_has_help_with_an_example() {
    let site = Site::new(TWO_VAULTS);
    for command in COMMANDS {
        let help = site.run(&[command, &["--help"]].concat()).expect(0);
        let example = format!("cofferdam {}", command.join(" "));
        assert!(help.stdout.contains("Examples:"), "{command:?}: {}", help.stdout);
        assert!(help.stdout.contains("--profile"), "{command:?}: {}", help.stdout);
        let examples = help.stdout.split("Examples:").nth(1).unwrap_or_default();
        let named = examples.contains(&example) || examples.contains(command.last().unwrap());
        assert!(named, "{command:?}: {examples}");
        assert_eq!(help.stderr, "", "{command:?}");
    }
}

/// A script that keeps the answer in a file must learn that the disk is full.
#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_could_not_be_written_is_no_success() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = crate::support::cofferdam().args(["profile", "schema"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("cannot write to standard output"),
        "{output:?}"
    );
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_nothing_on_standard_output() {
    let site = Site::new(TWO_VAULTS);
    let wrong: [&[&str]; 6] = [
        &[],
        &["sevre"],
        &["call", "notes"],
        &["secret", "get", "notes"],
        &["call", "notes", "list", "[1]"],
        &["serve", "--stdio", "--listen", "127.0.0.1:0"],
    ];
    for args in wrong {
        let ended = site.run(args).expect(2);
        assert_eq!(ended.stdout, "", "{args:?}");
        assert_ne!(ended.stderr, "", "{args:?}");
    }
}

#[test]
fn nothing_is_coloured_where_no_terminal_is() {
    let site = Site::new(TWO_VAULTS);
    for args in [&["--help"][..], &["module", "list"], &["call", "nix", "list"]] {
        let ended = site.run(args);
        assert!(!ended.stdout.contains('\u{1b}') && !ended.stderr.contains('\u{1b}'), "{ended:#?}");
    }
}
