//! The files of the demo in a temporary folder: a profile, two manifests and two vaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io, thread};

use cofferdam_vault::ExposeSecret as _;

use super::service::Tokens;
use crate::os::write_private_file;

/// The profile. Its settings make the demo fast: nothing of the age vault is cached or served stale, one failure opens its
/// circuit, and it is then probed four times a second.
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

/// Returns a manifest with one tool, which lists what the service has at `/NAME`.
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

/// Maximum number of attempts to remove the folder.
const REMOVALS: usize = 100;
/// Pause between two attempts.
const REMOVAL_PAUSE: Duration = Duration::from_millis(20);

/// The temporary folder. Dropping it removes the folder.
#[derive(Debug)]
pub(super) struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// Creates everything but the age file, which the first write to its vault creates.
    ///
    /// # Errors
    ///
    /// Returns the error of the file system.
    pub(super) fn new(service: SocketAddr, tokens: &Tokens) -> io::Result<Self> {
        let environment =
            Self { folder: tempfile::Builder::new().prefix("cofferdam-demo-").tempdir()?.keep() };
        let at = |name: &str| environment.folder.join(name);
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

    /// Returns the path of the profile.
    pub(super) fn profile(&self) -> PathBuf {
        self.folder.join("demo.toml")
    }

    /// Replaces the age file by garbage, as an interrupted copy would.
    ///
    /// # Errors
    ///
    /// Returns the error of the file system.
    pub(super) fn break_notes_vault(&self) -> io::Result<BrokenVault> {
        let file = self.folder.join("notes.age");
        let backup = self.folder.join("notes.age.backup");
        fs::rename(&file, &backup)?;
        write_private_file(&file, b"half a file")?;
        Ok(BrokenVault { file, backup })
    }

    /// Removes the folder. Unlike dropping, this reports errors.
    ///
    /// # Errors
    ///
    /// Returns the error of the file system.
    pub(super) fn remove(self) -> io::Result<()> {
        remove(&self.folder)
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // An interrupted demo has no one to report to.
        let _ = remove(&self.folder);
    }
}

/// Removes `folder`. A write to the age vault that an interruption left running may create a file meanwhile, so this tries
/// again while the folder exists. In a removed folder nothing can be created.
fn remove(folder: &Path) -> io::Result<()> {
    for _ in 1..REMOVALS {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => thread::sleep(REMOVAL_PAUSE),
            _ => return Ok(()),
        }
    }
    fs::remove_dir_all(folder)
}

/// A vault whose file was replaced by garbage.
#[derive(Debug)]
pub(super) struct BrokenVault {
    file: PathBuf,
    backup: PathBuf,
}

impl BrokenVault {
    /// Restores the file.
    ///
    /// # Errors
    ///
    /// Returns the error of the file system.
    pub(super) fn restore(self) -> io::Result<()> {
        fs::rename(self.backup, self.file)
    }
}
