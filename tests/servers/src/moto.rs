//! moto: AWS Secrets Manager, as far as its API goes.

use std::path::PathBuf;
use std::process::Command;

use crate::cache::{self, Unavailable};
use crate::ports;
use crate::process::Running;

const VERSION: &str = "5.2.1";
const REMEDY: &str =
    "install Python 3.10 or newer with `venv` (Debian: python3-venv), and allow access to PyPI";

/// moto's Python environment, which `cfn-lint` is a part of.
pub(crate) fn environment() -> Result<PathBuf, Unavailable> {
    cache::get_or_create(&format!("moto-{VERSION}"), |dir| {
        cache::python_environment(dir, &[&format!("moto[server]=={VERSION}")], REMEDY)
    })
}

/// A running moto server.
#[derive(Debug)]
pub struct Moto {
    port: u16,
    _running: Running,
}

impl Moto {
    /// Starts it on a free loopback port, empty.
    ///
    /// # Errors
    ///
    /// If it can neither be found nor installed, or does not come up.
    pub fn start() -> Result<Self, Unavailable> {
        let failed = |why: &dyn std::fmt::Display| Unavailable::new("moto", why, REMEDY);
        let dir = environment()?;
        let port = ports::free().map_err(|error| failed(&error))?;
        let mut command = Command::new(dir.join("bin/moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let running = Running::start(&mut command).map_err(|error| failed(&error))?;
        ports::wait_for(port, "/moto-api/").ok_or_else(|| failed(&running.stderr()))?;
        Ok(Self { port, _running: running })
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
