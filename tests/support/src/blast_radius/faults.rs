//! The faults by name, and what the module on a faulty vault must return.

use std::fmt;

use serde::Serialize;

use super::profile::MODULES;

/// A vault that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// HashiCorp Vault.
    Hashicorp,
    /// AWS Secrets Manager.
    Aws,
    /// An age-encrypted file.
    Age,
    /// GNOME Keyring on a session bus.
    Keychain,
    /// A script.
    Command,
    /// A SOPS document.
    Sops,
    /// A Kubernetes API server.
    Kubernetes,
}

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The server does not run when Cofferdam starts.
    StoppedAtStart,
    /// The server is stopped under load.
    Stopped,
    /// No byte passes in either direction; connections stay open.
    BlackHole,
    /// Every response takes 5 s longer.
    Latency,
    /// Connections are reset.
    Reset,
    /// The server is sealed; at AWS, it cannot decrypt.
    Sealed,
    /// The login may no longer read.
    PolicyRemoved,
    /// The server asks for a pause.
    Throttled,
    /// Responses are not those of a vault.
    Garbage,
    /// One byte of the response each 50 ms.
    SlowDrip,
    /// The server is down and up in turn, a second each.
    Flapping,
    /// The file is removed.
    Removed,
    /// The file holds something else.
    Corrupted,
    /// The key is another one.
    WrongKey,
    /// The file cannot be opened.
    Unreadable,
    /// The file's file system, or the program, does not respond.
    Hung,
    /// The keychain is locked.
    Locked,
    /// The session bus has ended.
    BusGone,
    /// The program writes without end.
    Floods,
    /// The program starts others, and waits for them.
    Forks,
    /// The program ends with an exit code that means nothing.
    ExitsOddly,
    /// The file with the key is removed.
    KeyMissing,
    /// The watch of the store ends, and no other one can be started.
    WatchBroken,
    /// The login has expired.
    TokenExpired,
}

/// What the module on the faulty vault must return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Every call succeeds: the cache has the credential.
    Served,
    /// This error code; calls may also succeed.
    Code(&'static str),
}

impl Target {
    /// All of them.
    pub(crate) const ALL: [Self; 7] =
        [Self::Hashicorp, Self::Aws, Self::Age, Self::Kubernetes, Self::Keychain, Self::Command, Self::Sops];

    /// Whether only the scenarios about this vault have it.
    pub(crate) fn is_added(self) -> bool {
        !MODULES.contains(&self.module())
    }

    /// The module on this vault. It has the name of the backend.
    pub(crate) fn module(self) -> &'static str {
        match self {
            Self::Hashicorp => "hashicorp",
            Self::Aws => "aws",
            Self::Age => "age",
            Self::Keychain => "keychain",
            Self::Command => "command",
            Self::Sops => "sops",
            Self::Kubernetes => "kubernetes",
        }
    }

    /// The vault's name in the profile.
    pub(crate) fn vault(self) -> String {
        format!("{}-vault", self.module())
    }

    /// Its faults.
    pub(crate) fn faults(self) -> &'static [Fault] {
        use Fault::*;
        match self {
            Self::Hashicorp | Self::Aws => &[
                StoppedAtStart,
                Stopped,
                BlackHole,
                Latency,
                Reset,
                Sealed,
                PolicyRemoved,
                Throttled,
                Garbage,
                SlowDrip,
                Flapping,
            ],
            Self::Age => &[Removed, Corrupted, WrongKey, Unreadable, Hung],
            Self::Keychain => &[Locked, BusGone],
            Self::Command => &[Hung, Floods, Forks, ExitsOddly],
            Self::Sops => &[Corrupted, KeyMissing],
            Self::Kubernetes => &[StoppedAtStart, Stopped, BlackHole, Throttled, WatchBroken, TokenExpired],
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.module())
    }
}

impl Fault {
    /// What the module on `target` must return, with the cache on or off.
    pub(crate) fn expected(self, target: Target, cache: bool) -> Expected {
        match (self, target, cache) {
            // The vault is healthy and refuses, or has something else than the secret: cached secrets may no longer be served.
            (Self::PolicyRemoved | Self::Floods, ..) | (Self::Sealed, Target::Aws, _) => {
                Expected::Code("credential_missing")
            }
            // Reads work.
            (Self::WatchBroken, ..) => Expected::Served,
            // Nothing is cached.
            (Self::StoppedAtStart, ..) | (.., false) => Expected::Code("module_unavailable"),
            (.., true) => Expected::Served,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::StoppedAtStart => "stopped at start",
            Self::Stopped => "stopped",
            Self::BlackHole => "black hole",
            Self::Latency => "5 s latency",
            Self::Reset => "reset",
            Self::Sealed => "sealed",
            Self::PolicyRemoved => "policy removed",
            Self::Throttled => "throttled",
            Self::Garbage => "garbage",
            Self::SlowDrip => "slow drip",
            Self::Flapping => "flapping",
            Self::Removed => "removed",
            Self::Corrupted => "corrupted",
            Self::WrongKey => "wrong key",
            Self::Unreadable => "unreadable",
            Self::Hung => "hung",
            Self::Locked => "locked",
            Self::BusGone => "bus gone",
            Self::Floods => "floods",
            Self::Forks => "forks",
            Self::ExitsOddly => "exits oddly",
            Self::KeyMissing => "key missing",
            Self::WatchBroken => "watch broken",
            Self::TokenExpired => "token expired",
        })
    }
}
