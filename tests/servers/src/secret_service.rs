//! A D-Bus bus of its own with GNOME Keyring on it, as in a desktop session.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::cache::Unavailable;
use crate::debian;
use crate::process::Running;

const REMEDY: &str = "install from Debian: apt-get install dbus gnome-keyring libsecret-tools";

/// How long a program may take to start.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Everything is allowed, and no program is started by the bus.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=SOCKET</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>
"#;

/// A running bus and, unless it was killed, a running GNOME Keyring with an unlocked default keychain.
///
/// All files are in a temporary folder. The session of the person who runs the tests is not touched.
#[derive(Debug)]
pub struct SecretService {
    folder: TempDir,
    bus: Option<Running>,
    daemon: Option<Running>,
}

impl SecretService {
    /// The password of its keychain.
    pub const PASSWORD: &'static str = "correct horse";

    /// Starts both, with an empty keychain.
    ///
    /// # Errors
    ///
    /// If the programs can neither be found nor installed, or do not come up.
    pub fn start() -> Result<Self, Unavailable> {
        debian::packages("a Secret Service", &["dbus", "gnome-keyring", "libsecret-tools"])?;
        let folder = tempfile::tempdir().map_err(|error| failed(&error))?;
        for name in ["run", "data", "config", "home"] {
            let path = folder.path().join(name);
            fs::create_dir(&path).map_err(|error| failed(&error))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).map_err(|error| failed(&error))?;
        }
        let mut service = Self { folder, bus: None, daemon: None };
        let socket = service.socket().display().to_string();
        service.write("bus.conf", &BUS.replace("SOCKET", &socket))?;
        service.write("password", Self::PASSWORD)?;
        service.start_bus()?;
        service.start_daemon()?;
        Ok(service)
    }

    /// The address of the bus.
    pub fn address(&self) -> String {
        format!("unix:path={}", self.socket().display())
    }

    /// The variables of the session: the bus, and folders of its own.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let folder = |name: &str| self.path(name).display().to_string();
        vec![
            ("DBUS_SESSION_BUS_ADDRESS", self.address()),
            ("XDG_RUNTIME_DIR", folder("run")),
            ("XDG_DATA_HOME", folder("data")),
            ("XDG_CONFIG_HOME", folder("config")),
            ("XDG_CACHE_HOME", folder("home")),
            ("HOME", folder("home")),
        ]
    }

    /// A command in the session, such as `secret-tool`.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(self.environment());
        command
    }

    /// Starts the bus, which must not run.
    ///
    /// # Errors
    ///
    /// If it does not come up.
    pub fn start_bus(&mut self) -> Result<(), Unavailable> {
        // A bus that was killed leaves its socket behind, and does not replace one.
        if self.socket().exists() {
            fs::remove_file(self.socket()).map_err(|error| failed(&error))?;
        }
        let mut command = self.command("dbus-daemon");
        command.arg("--config-file").arg(self.path("bus.conf")).args(["--nofork", "--nopidfile"]);
        let bus = self.bus.insert(Running::start(&mut command).map_err(|error| failed(&error))?);
        let end = Instant::now() + TIMEOUT;
        let socket = self.folder.path().join("run/bus");
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            if Instant::now() > end {
                return Err(failed(&bus.stderr()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Starts the daemon, which must not run, and unlocks the keychain.
    ///
    /// # Errors
    ///
    /// If it does not come up.
    pub fn start_daemon(&mut self) -> Result<(), Unavailable> {
        // It reads the password from its standard input.
        let script = "exec gnome-keyring-daemon --foreground --unlock --components=secrets < \"$1\"";
        let mut command = self.command("sh");
        command.args(["-c", script, "sh"]).arg(self.path("password"));
        self.daemon = Some(Running::start(&mut command).map_err(|error| failed(&error))?);
        let end = Instant::now() + TIMEOUT;
        while !self.has_default_keychain() {
            if Instant::now() > end {
                return Err(failed(&self.daemon.as_ref().map(Running::stderr).unwrap_or_default()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Locks the keychain.
    ///
    /// # Errors
    ///
    /// If the daemon does not do it.
    pub fn lock(&self) -> Result<(), Unavailable> {
        let keychain = "array:objpath:/org/freedesktop/secrets/collection/login";
        let printed = self.call("org.freedesktop.Secret.Service.Lock", keychain);
        if printed.contains("/collection/login") { Ok(()) } else { Err(failed(&"it was not locked")) }
    }

    /// Kills the daemon; the bus and the keychain's file stay.
    pub fn kill_daemon(&mut self) {
        self.daemon = None;
    }

    /// Kills the bus. The daemon ends with it.
    pub fn kill_bus(&mut self) {
        self.bus = None;
        self.daemon = None;
    }

    /// Stops the daemon without ending it, as a hang does, or lets it go on.
    ///
    /// # Errors
    ///
    /// If there is no daemon.
    pub fn suspend_daemon(&self, suspend: bool) -> std::io::Result<()> {
        signal(self.daemon.as_ref(), suspend)
    }

    /// As [`suspend_daemon`](Self::suspend_daemon), for the bus.
    ///
    /// # Errors
    ///
    /// If there is no bus.
    pub fn suspend_bus(&self, suspend: bool) -> std::io::Result<()> {
        signal(self.bus.as_ref(), suspend)
    }

    fn has_default_keychain(&self) -> bool {
        self.call("org.freedesktop.Secret.Service.ReadAlias", "string:default").contains("/collection/")
    }

    /// Calls a method of the daemon; returns what it prints, which is nothing if the call fails.
    fn call(&self, method: &str, argument: &str) -> String {
        let mut command = self.command("dbus-send");
        command.args([
            "--session",
            "--print-reply",
            "--reply-timeout=2000",
            "--dest=org.freedesktop.secrets",
        ]);
        command.args(["/org/freedesktop/secrets", method, argument]);
        let output = command.stdin(Stdio::null()).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    }

    fn socket(&self) -> PathBuf {
        self.path("run/bus")
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Unavailable> {
        fs::write(self.path(name), text).map_err(|error| failed(&error))
    }
}

impl Drop for SecretService {
    fn drop(&mut self) {
        // The daemon first: it would report that the bus ended.
        self.daemon = None;
    }
}

fn signal(running: Option<&Running>, suspend: bool) -> std::io::Result<()> {
    let signal = if suspend { Signal::STOP } else { Signal::CONT };
    let pid = running.and_then(|running| Pid::from_raw(i32::try_from(running.id()).ok()?));
    kill_process(pid.ok_or_else(|| std::io::Error::other("it does not run"))?, signal)?;
    Ok(())
}

fn failed(why: &dyn std::fmt::Display) -> Unavailable {
    Unavailable::new("a Secret Service", why, REMEDY)
}
