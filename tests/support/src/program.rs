//! The program under test, and what it is run with.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use cofferdam_servers::Running;

/// Where the program is.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_cofferdam");

/// The program, with no setting of the machine's own in its environment.
pub(crate) fn cofferdam() -> Command {
    bare(Command::new(PROGRAM))
}

/// `command` with nothing of the machine's environment but `PATH`.
pub(crate) fn bare(mut command: Command) -> Command {
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// Makes an identity file with `age-keygen`.
pub(crate) fn make_key(file: &Path) {
    let keygen = cofferdam_servers::age().unwrap().join("age-keygen");
    let made = Command::new(keygen).arg("-o").arg(file).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Runs `command` with `input` on its standard input.
pub(crate) fn run_with_input(command: &mut Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that never reads may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Starts `command` with `serve`; answers the server with the URL of `/mcp`.
pub(crate) fn serve(command: &mut Command) -> (Running, String) {
    let mut server = Running::start(command.arg("serve")).unwrap();
    let first = server.line();
    let url = first
        .as_deref()
        .and_then(|line| line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned));
    match url {
        Some(url) => (server, url),
        None => panic!("no address in {first:?}; standard error:\n{}", server.stderr()),
    }
}

/// Writes a file that its owner alone can read.
pub(crate) fn write_private(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }
}
