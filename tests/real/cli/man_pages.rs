//! `man`: pages that groff formats without a warning, one per command.

use std::fs;
use std::path::Path;
use std::process::Command;

use cofferdam_testing::{COMMANDS, TWO_VAULTS, TestEnv};

/// Formats a page for a terminal.
fn format_page(groff: &Path, page: &Path) -> String {
    let mut command = Command::new(groff);
    // `-k` reads UTF-8, `-ww` enables all warnings, `-P-c` omits colours and weights.
    command.args(["-man", "-Tutf8", "-k", "-Kutf8", "-ww", "-P-cbou"]).arg(page);
    let output = command.output().unwrap();
    let warnings = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && warnings.is_empty(), "{}: {warnings}", page.display());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_command_has_a_page_that_can_be_read() {
    let groff = cofferdam_servers::groff().unwrap();
    let env = TestEnv::new(TWO_VAULTS);
    let written = env.run(&["man", "--out", "pages/man1", "--json"]).expect(0).json();
    let pages = env.path("pages/man1");
    for command in COMMANDS {
        let page = format_page(&groff, &pages.join(format!("cofferdam-{}.1", command.join("-"))));
        // As in the help, each on a line of its own.
        let help = env.run(&[command, &["--help"]].concat()).expect(0).stdout;
        let examples = help.split("Examples:\n").nth(1).unwrap();
        let mut examples =
            examples.lines().filter(|line| line.starts_with("  ") && line.contains("cofferdam "));
        assert!(examples.clone().count() > 0, "{help}");
        let is_there = |example: &str| page.lines().any(|line| line.trim().starts_with(example.trim()));
        assert!(examples.all(is_there), "{command:?}: an example is not in\n{page}");
        assert!(page.contains("--profile"), "{page}");
    }
    // One more for the program, and for each command that only groups others.
    let groups = ["cofferdam", "cofferdam-module", "cofferdam-secret", "cofferdam-profile"];
    assert_eq!(written["pages"].as_array().map(Vec::len), Some(COMMANDS.len() + groups.len()), "{written:#}");
    for name in groups {
        let page = format_page(&groff, &pages.join(format!("{name}.1")));
        assert!(page.contains("SUBCOMMANDS"), "{page}");
    }
    let printed = env.run(&["man"]).expect(0).stdout;
    assert_eq!(printed, fs::read_to_string(pages.join("cofferdam.1")).unwrap());
}
