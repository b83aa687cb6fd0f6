//! The faults, by name, and what the modules behind a faulty vault must answer.

use std::fmt;

use serde::Serialize;

/// A vault that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    Hashicorp,
    Aws,
    Age,
}

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
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
    Removed,
    Corrupted,
    WrongKey,
    Unreadable,
    Hung,
}

/// What the faulty vault's module must answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Every call with its credential: the cache has it.
    Served,
    /// This code, or while it can the credential; never anything else.
    Code(&'static str),
}

impl Target {
    /// The module on this vault; it is called as the backend is.
    pub(crate) fn module(self) -> &'static str {
        match self {
            Self::Hashicorp => "hashicorp",
            Self::Aws => "aws",
            Self::Age => "age",
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
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.module())
    }
}

impl Fault {
    /// What the module on `target` must answer, with the cache on or off.
    pub(crate) fn expected(self, target: Target, cache: bool) -> Expected {
        match (self, target, cache) {
            // The vault is well, and says no: what was cached may not be served any more.
            (Self::PolicyRemoved, ..) | (Self::Sealed, Target::Aws, _) => {
                Expected::Code("credential_missing")
            }
            // Nothing was ever cached.
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
        })
    }
}
