//! `completions bash`: bash loads the script and completes with it.

use std::process::Command;

use cofferdam_testing::{COMMANDS, bare, program};

/// Loads the completions and asks for the last word of the line, as bash does when the key is pressed.
const COMPLETE: &str = r#"
set -eu
source <("$PROGRAM" completions bash)
set +u
spec=$(complete -p cofferdam)
[[ $spec =~ -F\ ([^ ]+) ]]
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
COMP_LINE="$*"
COMP_POINT=${#COMP_LINE}
"${BASH_REMATCH[1]}" cofferdam "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" || true
printf '%s\n' "${COMPREPLY[@]}"
"#;

/// What bash offers for the last of `words`.
fn offered(words: &[&str]) -> Vec<String> {
    let mut bash = bare(Command::new("bash"));
    bash.env("PROGRAM", program()).args(["--norc", "--noprofile", "-c", COMPLETE, "bash", "cofferdam"]);
    let output = bash.args(words).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    assert_eq!(offered(&["ser"]), ["serve"]);
    assert_eq!(offered(&["serve", "--std"]), ["--stdio"]);
    assert_eq!(offered(&["client-config", "c"]), ["claude-code", "claude-desktop", "cursor"]);
    assert_eq!(offered(&["serve", "--log-format", "j"]), ["json"]);
    for command in COMMANDS {
        let (last, before) = command.split_last().unwrap();
        let line = [before, &[&last[..2]]].concat();
        assert!(offered(&line).iter().any(|word| word == last), "{line:?}: {:?}", offered(&line));
    }
}
