//! `deploy/systemd`: systemd accepts the unit, and its exposure stays as low as it was measured.

use std::fs;
use std::process::Command;

use cofferdam_testing::deploy::{deploy, text_of};
use cofferdam_testing::program;

const UNIT: &str = "systemd/cofferdam.service";

/// The exposure that systemd 252 measures, from 0 (lowest) to 10, in tenths. `deploy/systemd/README.md` repeats it.
const EXPOSURE: u32 = 12;

fn systemd_analyze() -> Command {
    Command::new(cofferdam_servers::systemd_analyze().unwrap_or_else(|error| panic!("{error}")))
}

/// `systemd-analyze verify` of the unit, with the program under test in its place.
fn verify(text: &str) -> (bool, String) {
    let dir = tempfile::tempdir().unwrap();
    let unit = dir.path().join("cofferdam.service");
    fs::write(&unit, text.replace("/usr/local/bin/cofferdam", program().to_str().unwrap())).unwrap();
    let output = systemd_analyze().args(["verify", "--man=no", "--recursive-errors=no"]).arg(&unit).output();
    let output = output.unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn systemd_understands_every_line_of_the_unit() {
    let text = text_of(UNIT);
    let (good, said) = verify(&text);
    assert!(good && said.is_empty(), "{said}");
    let (_, said) = verify(&text.replace("NoNewPrivileges", "NoNewPrivilege"));
    assert!(said.contains("NoNewPrivilege"), "a misspelt key passes: {said}");
}

#[test]
fn the_unit_is_as_closed_as_it_was_measured() {
    let exposed = |threshold: u32| {
        let mut command = systemd_analyze();
        command.args(["security", "--offline=true", "--no-pager", &format!("--threshold={threshold}")]);
        command.arg(deploy(UNIT)).output().unwrap()
    };
    let output = exposed(EXPOSURE);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", shown.lines().last().unwrap_or_default());
    assert!(!exposed(1).status.success(), "the threshold has no effect");
}
