//! A Kubernetes API server on its own: no kubelet, no containers.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::cache::{self, Unavailable};
use crate::debian;
use crate::process::Running;
use crate::{go, ports};

const VERSION: &str = "1.34.1";
const MAIN: &str = include_str!("../kube-apiserver/main.go");
const GO_MOD: &str = include_str!("../kube-apiserver/go.mod");
const GO_SUM: &str = include_str!("../kube-apiserver/go.sum");
const REMEDY: &str = "install etcd 3.4 or newer (Debian: etcd-server), openssl, and Go 1.26 (https://go.dev)";

/// A running API server, with an etcd of its own.
#[derive(Debug)]
pub struct Kubernetes {
    dir: tempfile::TempDir,
    binary: PathBuf,
    /// The address of etcd.
    storage: String,
    port: u16,
    server: Option<Running>,
    _etcd: Running,
}

impl Kubernetes {
    /// Starts etcd and the API server on free loopback ports; `GET /readyz` says when it is ready.
    ///
    /// # Errors
    ///
    /// If a program cannot be had, or nothing listens after 60 s.
    pub fn start() -> Result<Self, Unavailable> {
        let files = [("main.go", MAIN), ("go.mod", GO_MOD), ("go.sum", GO_SUM)];
        let binary = go::built("kube-apiserver", VERSION, &files)?;
        let etcd = debian::program("etcd", "etcd-server")?;
        let dir = tempfile::tempdir().map_err(|error| failed(&error))?;
        let port = || ports::free().map_err(|error| failed(&error));
        let (client, peer, port) = (port()?, port()?, port()?);
        let (storage, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
        let mut command = Command::new(etcd);
        command.arg("--data-dir").arg(dir.path().join("etcd")).args(["--unsafe-no-fsync"]);
        command.args(["--listen-client-urls", &storage, "--advertise-client-urls", &storage]);
        command.args(["--listen-peer-urls", &peer]);
        let etcd = Running::start(&mut command).map_err(|error| failed(&error))?;

        let key = dir.path().join("sa.key");
        cache::run(
            Command::new("openssl").args(["genrsa", "-out"]).arg(&key).arg("2048"),
            "openssl",
            REMEDY,
        )?;
        fs::write(dir.path().join("tokens.csv"), format!("{},admin,1,\"system:masters\"\n", Self::ADMIN))
            .map_err(|error| failed(&error))?;
        let mut started = Self { dir, binary, storage, port, server: None, _etcd: etcd };
        started.revive()?;
        Ok(started)
    }

    /// Kills the API server; etcd keeps what is stored.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Starts the API server again on the same port, with the same certificate and keys.
    ///
    /// # Errors
    ///
    /// If nothing listens after 60 s.
    pub fn revive(&mut self) -> Result<(), Unavailable> {
        let at = |name: &str| self.dir.path().join(name);
        let mut command = Command::new(&self.binary);
        command.args(["--etcd-servers", &self.storage, "--bind-address", "127.0.0.1"]);
        command.args(["--advertise-address", "127.0.0.1", "--secure-port", &self.port.to_string()]);
        command.arg("--cert-dir").arg(at("certs"));
        command.args(["--service-account-issuer", &self.address()]);
        command.arg("--service-account-signing-key-file").arg(at("sa.key"));
        command.arg("--service-account-key-file").arg(at("sa.key"));
        command.args(["--service-cluster-ip-range", "10.0.0.0/24", "--authorization-mode", "RBAC"]);
        command.arg("--token-auth-file").arg(at("tokens.csv"));
        command.args(["--disable-admission-plugins", "ServiceAccount"]);
        let server = Running::start(&mut command).map_err(|error| failed(&error))?;
        let end = Instant::now() + Duration::from_secs(60);
        while Instant::now() < end {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                self.server = Some(server);
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(failed(&format!("nothing listens after 60 s\n{}", server.stderr())))
    }

    /// The bearer token that may do everything.
    pub const ADMIN: &str = "admintoken";

    /// Its address.
    pub fn address(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The certificate that it made for itself, in PEM.
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("certs/apiserver.crt")
    }
}

fn failed(why: &dyn std::fmt::Display) -> Unavailable {
    Unavailable::new("a Kubernetes API server", why, REMEDY)
}
