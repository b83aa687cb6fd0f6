//! PostgreSQL on a free loopback port, with storage of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::cache::{self, Unavailable};
use crate::debian::is_root;
use crate::ports;
use crate::process::Running;

const REMEDY: &str = "install PostgreSQL 13 or newer (Debian: postgresql)";

/// A running PostgreSQL whose superuser `postgres` needs no password; it ends, with its data, with the value.
#[derive(Debug)]
pub struct Postgres {
    psql: PathBuf,
    port: u16,
    // Ends before its folder does.
    _running: Running,
    _dir: tempfile::TempDir,
}

impl Postgres {
    /// Makes a cluster and starts it.
    ///
    /// # Errors
    ///
    /// If PostgreSQL cannot be had, or does not come up within 30 s.
    pub fn start() -> Result<Self, Unavailable> {
        let bin = bin()?;
        let dir = tempfile::tempdir().map_err(|error| failed(&error))?;
        let port = ports::free().map_err(|error| failed(&error))?;
        let data = dir.path().join("data");
        give_to_postgres(dir.path())?;
        let mut initdb = as_postgres(&bin.join("initdb"));
        initdb.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "-D"]).arg(&data);
        cache::run(initdb.current_dir(dir.path()), "PostgreSQL", REMEDY)?;
        let mut server = as_postgres(&bin.join("postgres"));
        server.arg("-D").arg(&data).args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        server
            .args(["-c", "fsync=off", "-c"])
            .arg(format!("unix_socket_directories={}", dir.path().display()));
        let running = Running::start(server.current_dir(dir.path())).map_err(|error| failed(&error))?;
        let psql = cache::on_path("psql").unwrap_or_else(|| bin.join("psql"));
        let postgres = Self { psql, port, _running: running, _dir: dir };
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            if postgres.psql("postgres", "", "select 1").is_ok_and(|output| output.status.success()) {
                return Ok(postgres);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(failed(&format!("it is not reachable after 30 s\n{}", postgres._running.stderr())))
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What `sql` returns to the superuser, one row a line.
    ///
    /// # Errors
    ///
    /// If it fails; with what `psql` printed.
    pub fn query(&self, sql: &str) -> Result<String, Unavailable> {
        let output = self.psql("postgres", "", sql).map_err(|error| failed(&error))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        Err(failed(&String::from_utf8_lossy(&output.stderr)))
    }

    /// Whether `user` may run `sql`.
    pub fn lets(&self, user: &str, password: &str, sql: &str) -> bool {
        self.psql(user, password, sql).is_ok_and(|output| output.status.success())
    }

    fn psql(&self, user: &str, password: &str, sql: &str) -> std::io::Result<Output> {
        let mut psql = Command::new(&self.psql);
        psql.args(["-X", "-q", "-t", "-A", "-w", "-h", "127.0.0.1", "-d", "postgres", "-U", user]);
        psql.args(["-p", &self.port.to_string(), "-c", sql]).env("PGPASSWORD", password).output()
    }
}

/// The folder with `postgres` and `initdb`, which Debian keeps off `PATH`.
fn bin() -> Result<PathBuf, Unavailable> {
    if let Some(dir) = cache::on_path("initdb").and_then(|path| path.parent().map(Path::to_owned)) {
        return Ok(dir);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        versions.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").is_file()).collect();
    found.sort();
    found.pop().ok_or_else(|| failed(&"there is no `initdb`"))
}

/// A command that runs as the user `postgres` if this process is root, because PostgreSQL does not run as root.
/// `setpriv` becomes the program, so that killing it kills the program.
fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

fn give_to_postgres(dir: &Path) -> Result<(), Unavailable> {
    if !is_root() {
        return Ok(());
    }
    cache::run(Command::new("chown").arg("postgres:postgres").arg(dir), "PostgreSQL", REMEDY)
}

fn failed(why: &dyn std::fmt::Display) -> Unavailable {
    Unavailable::new("PostgreSQL", why, REMEDY)
}
