//! A container engine with Docker Compose 2.
//!
//! One that is reachable already comes first (`docker version`). Else the superuser of a Debian machine, which is
//! a container or a CI machine, gets one of the tests' own; it ends with the [`Engine`], and its images are kept.

mod images;
mod podman;

use std::process::Command;

use crate::cache::Unavailable;
use podman::Podman;

/// A container engine that can be reached.
#[derive(Debug)]
pub struct Engine(Kind);

#[derive(Debug)]
enum Kind {
    Docker,
    Own(Box<Podman>),
}

impl Engine {
    /// Reaches an engine, or makes one: minutes the first time, for its images are made then.
    ///
    /// # Errors
    ///
    /// If there is none and none can be created. The error says what to install.
    pub fn reach() -> Result<Self, Unavailable> {
        if succeeds(Command::new("docker").arg("version")) {
            if succeeds(Command::new("docker").args(["compose", "version"])) {
                return Ok(Self(Kind::Docker));
            }
            return Err(Unavailable::new(
                "Docker Compose 2",
                "`docker compose version` fails beside an engine that answers",
                "install the plugin (https://docs.docker.com/compose/install)",
            ));
        }
        Ok(Self(Kind::Own(Box::new(Podman::start()?))))
    }

    /// What it is, for a report.
    pub fn name(&self) -> &'static str {
        match self.0 {
            Kind::Docker => "docker",
            Kind::Own(_) => "podman",
        }
    }

    /// `docker`, or a program that takes the same commands.
    pub fn docker(&self) -> Command {
        match &self.0 {
            Kind::Docker => Command::new("docker"),
            Kind::Own(podman) => podman.command(),
        }
    }

    /// `docker compose`, or the same without the plugin.
    pub fn compose(&self) -> Command {
        match &self.0 {
            Kind::Docker => {
                let mut docker = Command::new("docker");
                docker.arg("compose");
                docker
            }
            Kind::Own(podman) => podman.compose(),
        }
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
