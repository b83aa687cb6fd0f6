//! A folder with a profile in it, and the binary run beside it: `Site::new(&profile).run(&["module", "list"])`.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use age::secrecy::ExposeSecret as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{self, PROGRAM, bare, cofferdam, write_private};

/// A profile with an `age` vault for `notes` and an `env` vault for `tickets`.
pub(crate) const TWO_VAULTS: &str = r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
modules_dir = "modules"

[vaults.files]
backend = "age"
file = "secrets.age"
identity_file = "key.txt"

[vaults.variables]
backend = "env"

[modules.notes]
vault = "files"
accounts = ["default", "work"]

[modules.tickets]
vault = "variables"
"#;

/// A folder of its own for one test, removed with it.
pub(crate) struct Site {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The JSON document on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }

    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Site {
    /// A folder with `profile` as `site.toml`, a key, and two manifests whose service is nowhere.
    pub(crate) fn new(profile: &str) -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() };
        site.write("site.toml", profile);
        let identity = age::x25519::Identity::generate();
        site.write_private("key.txt", identity.to_string().expose_secret());
        fs::create_dir(site.path().join("modules")).unwrap();
        fs::create_dir(site.path().join("tmp")).unwrap();
        site.serve_from("http://127.0.0.1:9");
        site
    }

    /// Lets both manifests call the service at `base_url`.
    pub(crate) fn serve_from(&self, base_url: &str) {
        for (name, credential) in [("notes", "kind = \"basic\""), ("tickets", "kind = \"bearer\"")] {
            let manifest = format!(
                r#"format = 1
name = "{name}"
version = "1.0.0"
title = "{name}"
description = "The {name} of a test"

[http]
base_url = "{base_url}"

[credential]
{credential}

[[tools]]
name = "list"
description = "List the {name}"
side_effect = "none"
request = {{ method = "GET", path = "/{name}", query = ["limit"] }}
input.properties.limit = {{ type = "integer", description = "How many" }}
"#
            );
            self.write(&format!("modules/{name}.toml"), &manifest);
        }
    }

    /// The same site, with an environment variable for every command.
    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    pub(crate) fn write_private(&self, name: &str, text: &str) {
        write_private(&self.path().join(name), text);
    }

    /// `command` in this folder, with this site's profile and variables.
    fn prepared(&self, mut command: Command, args: &[&str]) -> Command {
        command.args(args).current_dir(self.path()).env("TMPDIR", self.path().join("tmp"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if !args.contains(&"--profile") && args != ["--help"] && !args.is_empty() {
            command.args(["--profile", "site.toml"]);
        }
        command
    }

    /// Runs a command with nothing on standard input.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        self.run_with_input(args, "")
    }

    /// Runs a command with `input` on standard input, and no terminal: in a session of its own, a prompt cannot reach
    /// the terminal of whoever runs the tests.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Ended {
        let mut without_terminal = bare(Command::new("setsid"));
        without_terminal.arg("--wait").arg(PROGRAM);
        support::run_with_input(&mut self.prepared(without_terminal, args), input).into()
    }

    /// Starts a command and leaves it running; signals reach the binary itself.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let mut command = self.prepared(cofferdam(), args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running { child: Some(command.spawn().unwrap()) }
    }
}

/// A command that runs; it is killed when it is dropped.
pub(crate) struct Running {
    child: Option<Child>,
}

impl Running {
    pub(crate) fn child(&mut self) -> &mut Child {
        self.child.as_mut().unwrap()
    }

    /// Sends a signal.
    pub(crate) fn signal(&mut self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(self.child());
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for the end.
    pub(crate) fn ended(mut self) -> Ended {
        self.child.take().unwrap().wait_with_output().unwrap().into()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
