//! podman behind Docker's API, with its own storage and networks beside whatever else the machine runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{images, succeeds};
use crate::cache::{self, Unavailable};
use crate::debian::{self, is_root};
use crate::go;
use crate::process::Running;

/// Docker Compose. Later ones take podman's networks for changed ones, and recreate each container at each `up`.
const COMPOSE_VERSION: &str = "v2.28.1";
const REMEDY: &str =
    "install Docker Engine with Docker Compose 2 (https://docs.docker.com/engine/install), and start it";
/// `iptables` is what `netavark` calls.
const PACKAGES: [&str; 6] = ["podman", "runc", "netavark", "aardvark-dns", "iptables", "debootstrap"];

/// A running podman; it ends with the value, and what it stores stays.
#[derive(Debug)]
pub(super) struct Podman {
    settings: Settings,
    compose: PathBuf,
    socket: PathBuf,
    // Before the service and the folder, in this order.
    health: HealthChecks,
    _service: Running,
    _dir: tempfile::TempDir,
}

/// The files that say where podman keeps what.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    engine: PathBuf,
    storage: PathBuf,
    scratch: PathBuf,
}

impl Podman {
    pub(super) fn start() -> Result<Self, Unavailable> {
        if !is_root() || cache::on_path("apt-get").is_none() {
            return Err(failed(&"`docker version` reaches no engine"));
        }
        debian::packages("a container engine", &PACKAGES)?;
        let compose = go::installed("compose", &["github.com/docker/compose/v2/cmd"], COMPOSE_VERSION)?;
        let folder = cache::cache_dir()?.join("containers");
        fs::create_dir_all(&folder).map_err(|error| failed(&error))?;
        let lock = File::create(folder.join("lock")).map_err(|error| failed(&error))?;
        lock.lock().map_err(|error| failed(&error))?;
        let settings = Settings::write(&folder).map_err(|error| failed(&error))?;
        images::make(&settings)?;
        drop(lock);

        let dir = tempfile::tempdir().map_err(|error| failed(&error))?;
        let socket = dir.path().join("podman.sock");
        let mut service = settings.podman();
        service.args(["system", "service", "--time=0"]).arg(format!("unix://{}", socket.display()));
        let service = Running::start(&mut service).map_err(|error| failed(&error))?;
        let end = Instant::now() + Duration::from_secs(30);
        while !socket.exists() {
            if Instant::now() > end {
                return Err(failed(&format!("podman does not listen after 30 s\n{}", service.stderr())));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let health = HealthChecks::run(settings.clone());
        Ok(Self { settings, compose: compose.join("cmd"), socket, health, _service: service, _dir: dir })
    }

    pub(super) fn command(&self) -> Command {
        self.settings.podman()
    }

    pub(super) fn compose(&self) -> Command {
        let mut command = Command::new(&self.compose);
        command.env("DOCKER_HOST", format!("unix://{}", self.socket.display()));
        // The other builder is a service of Docker's own.
        command.env("DOCKER_BUILDKIT", "0");
        command
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        self.health.stop();
    }
}

impl Settings {
    fn write(folder: &Path) -> std::io::Result<Self> {
        let settings = Self {
            engine: folder.join("containers.conf"),
            storage: folder.join("storage.conf"),
            scratch: folder.join("scratch"),
        };
        for name in ["scratch", "networks"] {
            fs::create_dir_all(folder.join(name))?;
        }
        let run = "/run/cofferdam-containers";
        let folder = folder.display();
        // runc, for crun refuses version 1 of cgroups. The limits are given, for podman's own need a capability to be raised.
        let engine = format!(
            r#"[containers]
default_ulimits = ["nofile=10000:10000", "nproc=4096:4096"]

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "{run}/engine"

[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"#
        );
        let storage = format!(
            r#"[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{run}/storage"
"#
        );
        fs::write(&settings.engine, engine)?;
        fs::write(&settings.storage, storage)?;
        Ok(settings)
    }

    /// `podman`, with these settings. What a build caches lies in its folder of temporary files.
    pub(super) fn podman(&self) -> Command {
        let mut command = Command::new("podman");
        command.env("CONTAINERS_CONF", &self.engine).env("CONTAINERS_STORAGE_CONF", &self.storage);
        command.env("TMPDIR", &self.scratch);
        command
    }

    pub(super) fn has_image(&self, name: &str) -> bool {
        succeeds(self.podman().args(["image", "exists", name]))
    }
}

/// Runs the health checks of all containers: podman leaves that to systemd, which may not be there.
#[derive(Debug)]
struct HealthChecks {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl HealthChecks {
    fn run(settings: Settings) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                let listed = settings.podman().args(["ps", "--quiet"]).output();
                let listed = listed.map(|output| output.stdout).unwrap_or_default();
                for container in String::from_utf8_lossy(&listed).lines() {
                    // What it finds is the container's state; one without a check is refused.
                    let _ = settings.podman().args(["healthcheck", "run", container]).output();
                }
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        Self { ended, thread: Some(thread) }
    }

    fn stop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // It cannot panic.
            let _ = thread.join();
        }
    }
}

pub(super) fn failed(why: &dyn std::fmt::Display) -> Unavailable {
    Unavailable::new("a container engine", why, REMEDY)
}
