//! A folder with a profile, its vaults and its manifests, made for one test and gone with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cofferdam_servers::Running;

/// The program under test, with no setting of the machine's own in its environment.
pub fn cofferdam() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// A site with two modules, each with a vault of its own: `tickets` (env) and `notes` (age).
pub struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    /// Makes the site: both modules reach the service at `url`.
    ///
    /// `profile` is appended to the profile's text.
    pub fn new(url: &str, profile: &str) -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap() };
        for folder in ["modules", "keys"] {
            fs::create_dir(site.path(folder)).unwrap();
        }
        for module in ["tickets", "notes"] {
            fs::write(site.path(&format!("modules/{module}.toml")), manifest(module, url)).unwrap();
        }
        fs::write(
            site.path("site.toml"),
            format!(
                r#"[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
modules_dir = "modules"

[vaults.env-vault]
backend = "env"
dotenv = ".env"

[vaults.age-vault]
backend = "age"
file = "notes.age"
identity_file = "keys/notes.txt"

[modules.tickets]
vault = "env-vault"

[modules.notes]
vault = "age-vault"
{profile}"#
            ),
        )
        .unwrap();
        let keygen = cofferdam_servers::age().unwrap().join("age-keygen");
        let made = Command::new(keygen).arg("-o").arg(site.path("keys/notes.txt")).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        site
    }

    /// A file of the site.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The profile's file.
    pub fn profile(&self) -> PathBuf {
        self.path("site.toml")
    }

    /// Puts the token of `tickets` into its vault, as an operator does.
    pub fn set_tickets(&self, token: &str) {
        let file = self.path(".env");
        fs::write(&file, format!("TICKETS_TOKEN={token}\n")).unwrap();
        keep_to_owner(&file);
    }

    /// Puts the token of `notes` into its vault with `secret set`.
    pub fn set_notes(&self, token: &str) {
        let mut child = cofferdam()
            .args(["secret", "set", "notes/default", "token", "--profile"])
            .arg(self.profile())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), token.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts `cofferdam serve` on this site; answers it with the URL of `/mcp`.
    pub fn serve(&self, command: &mut Command) -> (Running, String) {
        let mut server = Running::start(command.arg("serve").arg("--profile").arg(self.profile())).unwrap();
        let first = server.line();
        let url = first.as_deref().and_then(|line| {
            line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
        });
        match url {
            Some(url) => (server, url),
            None => panic!("no address in {first:?}; standard error:\n{}", server.stderr()),
        }
    }
}

#[cfg(unix)]
fn keep_to_owner(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

#[cfg(not(unix))]
fn keep_to_owner(_file: &Path) {}

fn manifest(module: &str, url: &str) -> String {
    format!(
        r#"format = 1
name = "{module}"
version = "1.0.0"
title = "{module}"
description = "A service on loopback"
source = "tests/support/service.rs"

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
description = "Says back what it was sent"
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
description = "Is not there"
side_effect = "none"
request = {{ method = "GET", path = "/nowhere" }}
"#
    )
}
