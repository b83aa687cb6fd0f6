//! A folder with a profile, its vaults and its manifests, made for one test and removed with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cofferdam_servers::Running;
use tempfile::TempDir;

use crate::program::{bare, cofferdam, make_key, program, run_with_input, serve, write_private};
use crate::{CommandOutput, RunningCommand};

/// A profile with an `age` vault for `notes` and an `env` vault for `tickets`.
pub const TWO_VAULTS: &str = r#"
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

/// The profile of [`TestEnv::with_service`].
const SERVICE: &str = r#"[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
modules_dir = "modules"

[vaults.env-vault]
backend = "env"
dotenv = ".env"

[vaults.age-vault]
backend = "age"
file = "notes.age"
identity_file = "key.txt"

[modules.tickets]
vault = "env-vault"

[modules.notes]
vault = "age-vault"
"#;

/// A test environment: a folder with the profile `profile.toml`, the age key `key.txt` and manifests in `modules`.
#[derive(Debug)]
pub struct TestEnv {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl TestEnv {
    /// An environment with `profile`, and the manifests of `notes` and `tickets`, whose service does not exist.
    pub fn new(profile: &str) -> Self {
        let env = Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() };
        env.write("profile.toml", profile);
        make_key(&env.path("key.txt"));
        for folder in ["modules", "tmp"] {
            fs::create_dir(env.path(folder)).unwrap();
        }
        env.call_service("http://127.0.0.1:9");
        env
    }

    /// An environment whose modules `tickets` (vault `env`) and `notes` (vault `age`) call the [`FakeService`] at `url`.
    /// `more` is appended to the profile.
    ///
    /// [`FakeService`]: crate::FakeService
    pub fn with_service(url: &str, more: &str) -> Self {
        let env = Self::new(&format!("{SERVICE}{more}"));
        for module in ["tickets", "notes"] {
            env.write(&format!("modules/{module}.toml"), &service_manifest(module, url));
        }
        env
    }

    /// Lets both manifests of [`TestEnv::new`] call the service at `base_url`.
    pub fn call_service(&self, base_url: &str) {
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

    /// The same environment, with an environment variable for every command.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file of the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// The profile's file.
    pub fn profile(&self) -> PathBuf {
        self.path("profile.toml")
    }

    /// Writes a profile of the user's own, which commands find by its name.
    pub fn write_own_profile(&self, name: &str, text: &str) {
        let folder = self.path("home/.config/cofferdam");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.toml")), text).unwrap();
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Writes a file that only its owner can read.
    pub fn write_private(&self, name: &str, text: &str) {
        write_private(&self.path(name), text);
    }

    /// Stores the token of `tickets` in the `.env` file of [`TestEnv::with_service`].
    pub fn set_tickets(&self, token: &str) {
        self.write_private(".env", &format!("TICKETS_TOKEN={token}\n"));
    }

    /// Stores the token of `notes` with `secret set`.
    pub fn set_notes(&self, token: &str) {
        let _ = self.run_with_input(&["secret", "set", "notes/default", "token"], token).expect(0);
    }

    /// `command` in this folder, with this environment's profile and variables.
    fn prepare(&self, mut command: Command, args: &[&str]) -> Command {
        command.args(args).current_dir(self.folder()).env("TMPDIR", self.path("tmp"));
        // The user's own profiles are below the home folder.
        command.env("HOME", self.path("home"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if !args.contains(&"--profile") && args != ["--help"] && !args.is_empty() {
            command.args(["--profile", "profile.toml"]);
        }
        command
    }

    /// Runs a command with an empty standard input.
    pub fn run(&self, args: &[&str]) -> CommandOutput {
        self.run_with_input(args, "")
    }

    /// Runs a command with `input` on standard input and without a terminal: in a session of its own, a prompt cannot reach
    /// the terminal of the person who runs the tests.
    pub fn run_with_input(&self, args: &[&str], input: &str) -> CommandOutput {
        let mut without_terminal = bare(Command::new("setsid"));
        without_terminal.arg("--wait").arg(program());
        run_with_input(&mut self.prepare(without_terminal, args), input).into()
    }

    /// Starts a command and leaves it running; signals reach the program itself.
    pub fn start(&self, args: &[&str]) -> RunningCommand {
        RunningCommand::start(&mut self.prepare(cofferdam(), args))
    }

    /// Starts `command` with `serve` on this profile; returns the server and the URL of `/mcp`.
    pub fn serve(&self, command: &mut Command) -> (Running, String) {
        serve(command.arg("--profile").arg(self.profile()))
    }
}

fn service_manifest(module: &str, url: &str) -> String {
    format!(
        r#"format = 1
name = "{module}"
version = "1.0.0"
title = "{module}"
description = "A service on loopback"
source = "https://example.invalid/tests"

[http]
base_url = "{url}"
errors = {{ message = "message" }}

[credential]
kind = "bearer"

[[tools]]
name = "whoami"
description = "Who the credential belongs to"
side_effect = "none"
request = {{ method = "GET", path = "/whoami" }}

[[tools]]
name = "reflect"
description = "Returns what it was sent"
side_effect = "none"
request = {{ method = "GET", path = "/reflect", query = ["q"] }}
select = "{{headers: headers, uri: uri}}"
input.properties.q = {{ type = "string", description = "Anything" }}

[[tools]]
name = "fail"
description = "Fails, and repeats what it was sent"
side_effect = "write"
request = {{ method = "POST", path = "/fail", body = ["text"] }}
input.properties.text = {{ type = "string", description = "Anything" }}

[[tools]]
name = "missing"
description = "Does not exist"
side_effect = "none"
request = {{ method = "GET", path = "/nowhere" }}
"#
    )
}
