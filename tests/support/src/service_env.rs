//! A folder with a profile, its vaults and its manifests, made for one test and gone with it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use cofferdam_servers::Running;

use super::program::{cofferdam, make_key, run_with_input, serve, write_private};

/// A site with two modules, each with a vault of its own: `tickets` (env) and `notes` (age).
pub(crate) struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    /// Makes the site: both modules reach the service at `url`.
    ///
    /// `profile` is appended to the profile's text.
    pub(crate) fn new(url: &str, profile: &str) -> Self {
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
        make_key(&site.path("keys/notes.txt"));
        site
    }

    /// A file of the site.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The profile's file.
    pub(crate) fn profile(&self) -> PathBuf {
        self.path("site.toml")
    }

    /// Puts the token of `tickets` into its vault, as an operator does.
    pub(crate) fn set_tickets(&self, token: &str) {
        write_private(&self.path(".env"), &format!("TICKETS_TOKEN={token}\n"));
    }

    /// Puts the token of `notes` into its vault with `secret set`.
    pub(crate) fn set_notes(&self, token: &str) {
        let mut command = cofferdam();
        command.args(["secret", "set", "notes/default", "token", "--profile"]).arg(self.profile());
        let output = run_with_input(&mut command, token);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts `cofferdam serve` on this site; answers it with the URL of `/mcp`.
    pub(crate) fn serve(&self, command: &mut Command) -> (Running, String) {
        serve(command.arg("--profile").arg(self.profile()))
    }
}

fn manifest(module: &str, url: &str) -> String {
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
