//! What the demo makes on the spot, in a folder that goes away with it: a profile, two manifests, two vaults.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::{fs, io};

use cofferdam_vault::ExposeSecret as _;
use tempfile::TempDir;

use super::service::Tokens;
use crate::os::write_private_file;

/// The profile. Walls are set tight, so that a broken vault is noticed at once and the demo takes seconds: nothing is
/// cached or served stale, and a vault that is down is looked at four times a second.
const PROFILE: &str = r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
modules_dir = "modules"

[vaults.tickets-vault]
backend = "env"
prefix = "COFFERDAM_DEMO"
dotenv = "tickets.env"

[vaults.notes-vault]
backend = "age"
file = "notes.age"
identity_file = "notes.key"
cache_ttl = "0s"
missing_ttl = "0s"
stale_for = "0s"
probe_interval = "250ms"
breaker = { failures = 1, window = "10s" }

[modules.tickets]
vault = "tickets-vault"

[modules.notes]
vault = "notes-vault"
"#;

/// A manifest of one tool that lists what the service has at `/NAME`.
fn manifest(name: &str, title: &str, service: SocketAddr, credential: &str) -> String {
    format!(
        r#"format = 1
name = "{name}"
version = "1.0.0"
title = "{title}"
description = "{title} of the demo's service"

[http]
base_url = "http://{service}"

[credential]
{credential}

[[tools]]
name = "list"
description = "List the {name}"
side_effect = "none"
request = {{ method = "GET", path = "/{name}" }}
"#
    )
}

/// The folder with everything in it; dropping it removes it.
#[derive(Debug)]
pub(super) struct Environment {
    folder: TempDir,
}

impl Environment {
    /// Makes everything but the age file, which is written the way `secret set` writes it.
    ///
    /// # Errors
    ///
    /// What the file system answers.
    pub(super) fn make(service: SocketAddr, tokens: &Tokens) -> io::Result<Self> {
        let environment = Self { folder: tempfile::Builder::new().prefix("cofferdam-demo-").tempdir()? };
        let at = |name: &str| environment.folder.path().join(name);
        fs::create_dir(at("modules"))?;
        let notes = "kind = \"header\"\nheaders = { x-api-key = \"{token}\" }";
        fs::write(at("modules/tickets.toml"), manifest("tickets", "Tickets", service, "kind = \"bearer\""))?;
        fs::write(at("modules/notes.toml"), manifest("notes", "Notes", service, notes))?;
        fs::write(at("demo.toml"), PROFILE)?;
        let line = format!("COFFERDAM_DEMO_TICKETS_TOKEN={}\n", tokens.tickets.expose_secret());
        write_private_file(&at("tickets.env"), line.as_bytes())?;
        let identity = age::x25519::Identity::generate();
        write_private_file(&at("notes.key"), identity.to_string().expose_secret().as_bytes())?;
        Ok(environment)
    }

    /// The profile's file.
    pub(super) fn profile(&self) -> PathBuf {
        self.folder.path().join("demo.toml")
    }

    /// Puts garbage in the age file's place, as a copy that broke off would; answers what mends it.
    ///
    /// # Errors
    ///
    /// What the file system answers.
    pub(super) fn break_notes(&self) -> io::Result<Mend> {
        let file = self.folder.path().join("notes.age");
        let aside = self.folder.path().join("notes.age.aside");
        fs::rename(&file, &aside)?;
        write_private_file(&file, b"half a file")?;
        Ok(Mend { file, aside })
    }

    /// Removes the folder, and says so where that fails; dropping does the same in silence.
    ///
    /// # Errors
    ///
    /// What the file system answers.
    pub(super) fn remove(self) -> io::Result<()> {
        self.folder.close()
    }
}

/// A broken vault that can be mended.
#[derive(Debug)]
pub(super) struct Mend {
    file: PathBuf,
    aside: PathBuf,
}

impl Mend {
    /// Puts the file back.
    ///
    /// # Errors
    ///
    /// What the file system answers.
    pub(super) fn mend(self) -> io::Result<()> {
        fs::rename(self.aside, self.file)
    }
}
