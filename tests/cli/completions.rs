//! `completions`: the script for each shell offers every command. That bash completes with it is tested in `tests/real/cli`.

use cofferdam_testing::{COMMANDS, TWO_VAULTS, TestEnv};

#[test]
fn every_shell_gets_every_command() {
    let env = TestEnv::new(TWO_VAULTS);
    // The form in which each script offers a command.
    let shells = [
        ("bash", ",@)"),
        ("zsh", "'@:"),
        ("fish", "-a \"@\""),
        ("elvish", "cand @ "),
        ("powershell", "'@', [CompletionResultType]::ParameterValue"),
    ];
    for (shell, offers) in shells {
        let script = env.run(&["completions", shell]).expect(0).stdout;
        for command in COMMANDS {
            let offer = offers.replace('@', command.last().unwrap());
            assert!(script.contains(&offer), "{shell} does not offer {command:?}: {offer}");
        }
    }
    env.run(&["completions", "tcsh"]).expect(2);
}
