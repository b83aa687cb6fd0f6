//! HashiCorp Vault in server mode, with storage of its own on disk.
//!
//! Vault is under the Business Source Licence: it is built from its Go module to test against, and never linked or shipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::cache::{self, Unavailable};
use crate::process::Running;
use crate::{go, ports};

/// The module's version; newer 1.21 releases do not build from the module proxy.
const VERSION: &str = "1.21.0";
const MAIN: &str = include_str!("../vault/main.go");
const GO_MOD: &str = include_str!("../vault/go.mod");
const GO_SUM: &str = include_str!("../vault/go.sum");

/// The `vault` program: the one on `PATH`, else one built from its Go module.
///
/// # Errors
///
/// If there is neither `vault` nor `go`.
pub fn vault_binary() -> Result<PathBuf, Unavailable> {
    if let Some(found) = cache::on_path("vault") {
        return Ok(found);
    }
    go::built("vault", VERSION, &[("main.go", MAIN), ("go.mod", GO_MOD), ("go.sum", GO_SUM)])
}

/// A running Vault, initialised and unsealed; its storage outlives a [`Vault::kill`] and ends with the value.
#[derive(Debug)]
pub struct Vault {
    binary: PathBuf,
    dir: tempfile::TempDir,
    port: u16,
    running: Option<Running>,
    unseal_key: String,
    root_token: String,
}

impl Vault {
    /// Starts, initialises and unseals a Vault on a free loopback port.
    ///
    /// # Errors
    ///
    /// If the program cannot be had, or does not come up within 30 s.
    pub fn start() -> Result<Self, Unavailable> {
        let mut vault = Self {
            binary: vault_binary()?,
            dir: tempfile::tempdir().map_err(|error| failed(&error))?,
            port: ports::free().map_err(|error| failed(&error))?,
            running: None,
            unseal_key: String::new(),
            root_token: String::new(),
        };
        vault.launch()?;
        let output = vault.run(&["operator", "init", "-key-shares=1", "-key-threshold=1", "-format=json"])?;
        let answer: serde_json::Value =
            serde_json::from_slice(&output.stdout).map_err(|error| failed(&error))?;
        let text =
            |pointer| answer.pointer(pointer).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        vault.unseal_key = text("/unseal_keys_b64/0");
        vault.root_token = text("/root_token");
        vault.unseal()?;
        Ok(vault)
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The token that may do everything.
    pub fn root_token(&self) -> &str {
        &self.root_token
    }

    /// Runs the `vault` program against this server as root.
    ///
    /// # Errors
    ///
    /// If it fails; with what it printed.
    pub fn run(&self, arguments: &[&str]) -> Result<Output, Unavailable> {
        let mut command = Command::new(&self.binary);
        command.args(arguments).env("VAULT_ADDR", self.address()).env("VAULT_TOKEN", &self.root_token);
        command.env("HOME", self.dir.path());
        let output = command.output().map_err(|error| failed(&error))?;
        if output.status.success() {
            return Ok(output);
        }
        Err(failed(&format!("vault {arguments:?}: {}", String::from_utf8_lossy(&output.stderr))))
    }

    /// Seals it: it returns 503 until [`Vault::unseal`].
    ///
    /// # Errors
    ///
    /// If it refuses.
    pub fn seal(&self) -> Result<(), Unavailable> {
        self.run(&["operator", "seal"]).map(drop)
    }

    /// Unseals it.
    ///
    /// # Errors
    ///
    /// If it refuses.
    pub fn unseal(&self) -> Result<(), Unavailable> {
        self.run(&["operator", "unseal", &self.unseal_key]).map(drop)?;
        // Unsealed is not active yet: until then it returns 429 or 503.
        self.wait_until("active", |status| status == 200)
    }

    /// Kills the process; the storage stays.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Starts the process again on the same port and unseals it.
    ///
    /// # Errors
    ///
    /// If it does not come up.
    pub fn revive(&mut self) -> Result<(), Unavailable> {
        self.launch()?;
        self.unseal()
    }

    /// The process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.running.as_ref().map(Running::id)
    }

    fn launch(&mut self) -> Result<(), Unavailable> {
        let config = self.dir.path().join("server.hcl");
        let data = self.dir.path().join("data");
        fs::create_dir_all(&data).map_err(|error| failed(&error))?;
        fs::write(&config, server_config(&data, self.port)).map_err(|error| failed(&error))?;
        let mut command = Command::new(&self.binary);
        command.arg("server").arg(format!("-config={}", config.display())).env("HOME", self.dir.path());
        self.running = Some(Running::start(&mut command).map_err(|error| failed(&error))?);
        self.wait_until("reachable", |_| true)
    }

    fn wait_until(&self, what: &str, good: impl Fn(u16) -> bool) -> Result<(), Unavailable> {
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            if ports::http_status(self.port, "/v1/sys/health").is_some_and(&good) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = self.running.as_ref().map(Running::stderr).unwrap_or_default();
        Err(failed(&format!("it is not {what} after 30 s\n{log}")))
    }
}

fn failed(why: &dyn std::fmt::Display) -> Unavailable {
    Unavailable::new(
        "HashiCorp Vault",
        why,
        "install `vault` 1.21, or Go (https://go.dev), so that it can be built",
    )
}

fn server_config(data: &Path, port: u16) -> String {
    format!(
        r#"storage "file" {{ path = "{}" }}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  tls_disable = true
}}
api_addr = "http://127.0.0.1:{port}"
disable_mlock = true
ui = false
"#,
        data.display()
    )
}
