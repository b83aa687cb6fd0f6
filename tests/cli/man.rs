//! `man`: pages that groff sets without a warning, one a command.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::help::COMMANDS;
use crate::site::{Site, TWO_VAULTS};

/// A page as a terminal shows it.
fn set(groff: &Path, page: &Path) -> String {
    let mut command = Command::new(groff);
    // `-k` reads UTF-8, `-ww` warns of all there is, `-P-c` leaves out the colours and weights.
    command.args(["-man", "-Tutf8", "-k", "-Kutf8", "-ww", "-P-cbou"]).arg(page);
    let output = command.output().unwrap();
    let warnings = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && warnings.is_empty(), "{}: {warnings}", page.display());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_command_has_a_page_that_can_be_read() {
    let groff = cofferdam_servers::groff().unwrap();
    let site = Site::new(TWO_VAULTS);
    let written = site.run(&["man", "--out", "pages/man1", "--json"]).expect(0).json();
    let pages = site.path().join("pages/man1");
    for command in COMMANDS {
        let page = set(&groff, &pages.join(format!("cofferdam-{}.1", command.join("-"))));
        // As in the help, which is narrower: each on a line of its own.
        let help = site.run(&[command, &["--help"]].concat()).expect(0).stdout;
        let examples = help.split("Examples:\n").nth(1).unwrap();
        let mut examples =
            examples.lines().filter(|line| line.starts_with("  ") && line.contains("cofferdam "));
        assert!(examples.clone().count() > 0, "{help}");
        let is_there = |example: &str| page.lines().any(|line| line.trim().starts_with(example.trim()));
        assert!(examples.all(is_there), "{command:?}: an example is not in\n{page}");
        assert!(page.contains("--profile"), "{page}");
    }
    // And one for the program, and for each command that only holds others.
    let groups = ["cofferdam", "cofferdam-module", "cofferdam-secret", "cofferdam-profile"];
    assert_eq!(written["pages"].as_array().map(Vec::len), Some(COMMANDS.len() + groups.len()), "{written:#}");
    for name in groups {
        let page = set(&groff, &pages.join(format!("{name}.1")));
        assert!(page.contains("SUBCOMMANDS"), "{page}");
    }
    let printed = site.run(&["man"]).expect(0).stdout;
    assert_eq!(printed, fs::read_to_string(pages.join("cofferdam.1")).unwrap());
}

#[test]
fn a_folder_that_cannot_be_had_is_told() {
    let site = Site::new(TWO_VAULTS);
    site.write("taken", "");
    let ended = site.run(&["man", "--out", "taken", "--json"]).expect(1);
    assert!(ended.json()["error"]["message"].as_str().unwrap().contains("taken"), "{ended:#?}");
}
