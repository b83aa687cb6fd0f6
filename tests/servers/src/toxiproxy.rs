//! Toxiproxy: a TCP proxy whose faults are switched on and off by requests.

use std::path::PathBuf;
use std::process::Command;

use crate::cache::Unavailable;
use crate::process::Running;
use crate::{go, ports};

const VERSION: &str = "v2.12.0";

/// A running toxiproxy; its proxies and toxics are made through [`Toxiproxy::api`].
#[derive(Debug)]
pub struct Toxiproxy {
    port: u16,
    _running: Running,
}

impl Toxiproxy {
    /// Starts it on a free loopback port.
    ///
    /// # Errors
    ///
    /// If it can neither be found nor built, or does not come up.
    pub fn start() -> Result<Self, Unavailable> {
        let failed =
            |why: &dyn std::fmt::Display| Unavailable::new("toxiproxy", why, "install Go (https://go.dev)");
        let port = ports::free().map_err(|error| failed(&error))?;
        let mut command = Command::new(binary()?);
        command.args(["-host", "127.0.0.1", "-port", &port.to_string()]);
        let running = Running::start(&mut command).map_err(|error| failed(&error))?;
        ports::wait_for(port, "/version").ok_or_else(|| failed(&running.stderr()))?;
        Ok(Self { port, _running: running })
    }

    /// The address of its HTTP API.
    pub fn api(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn binary() -> Result<PathBuf, Unavailable> {
    let dir = go::installed("toxiproxy", &["github.com/Shopify/toxiproxy/v2/cmd/server"], VERSION)?;
    Ok(dir.join("server"))
}
