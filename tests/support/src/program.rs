//! The program under test, and what it is run with.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use age::secrecy::ExposeSecret as _;
use cofferdam_servers::Running;

/// The environment variable in which Cargo names the program to the root package's tests.
pub const PROGRAM_VARIABLE: &str = "CARGO_BIN_EXE_cofferdam";

/// All commands, each as the words of its command line.
pub const COMMANDS: [&[&str]; 16] = [
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

/// The path of the program.
///
/// Cargo names it to the tests of the root package. For the tests of another package it is built here, once per process and
/// with the profile of the running test: Cargo does not build it for them, and an older one would be tested instead.
///
/// # Panics
///
/// If it does not build.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| std::env::var_os(PROGRAM_VARIABLE).map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // target/PROFILE/deps/TEST
    let folder = test.parent().and_then(Path::parent).expect("a test is in target/PROFILE/deps");
    let target = folder.parent().expect("target/PROFILE has a parent");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.args(["build", "--locked", "--bin", "cofferdam", "--profile", profile, "--target-dir"]);
    let output = command.arg(target).current_dir(crate::root()).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let program = folder.join("cofferdam");
    assert!(
        output.status.success() && program.is_file(),
        "the program under test cannot be built; run `cargo build --locked --bin cofferdam --profile {profile}`\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    program
}

/// The program, with an empty environment but for `PATH`, and with no profiles of the user's own.
pub fn cofferdam() -> Command {
    let mut command = bare(Command::new(program()));
    command.env("HOME", "/nonexistent");
    command
}

/// `command` with an empty environment but for `PATH`.
pub fn bare(mut command: Command) -> Command {
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// Writes an age identity file.
pub fn make_key(file: &Path) {
    write_private(file, age::x25519::Identity::generate().to_string().expose_secret());
}

/// Runs `command` with `input` on its standard input.
pub fn run_with_input(command: &mut Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that reads nothing may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Starts `command` with `serve`; returns the server and the URL of `/mcp`.
pub fn serve(command: &mut Command) -> (Running, String) {
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

/// Writes a file that only its owner can read.
pub fn write_private(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }
}
