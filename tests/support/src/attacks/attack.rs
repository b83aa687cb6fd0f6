//! The attacks by name, and how each is started.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::fixture::{AttackedServer, Conditions, Fixture};
use super::{
    Failed, Ongoing, Pace, hostile_answer, hostile_request, idle_connections, queued_calls, silent_names,
    unread_connections,
};

/// A way in which one caller or one service may take what others need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attack {
    /// A service answers with 4 MiB that decode to half a million objects.
    HostileAnswer,
    /// The same, compressed to some KiB.
    CompressedAnswer,
    /// A caller sends eight requests of that shape at once.
    HostileRequest,
    /// The name servers of a service do not answer.
    SilentNameServers,
    /// A caller opens more connections than the process has descriptors, and sends nothing.
    IdleConnections,
    /// The same with requests whose bodies never arrive.
    UnfinishedRequests,
    /// A caller requests more than fits the buffers of its connections, and reads nothing.
    UnreadConnections,
    /// Calls of a tool that is not concurrency-safe wait for each other.
    SerializedCalls,
    /// Calls wait for the `in_flight` of their module.
    InFlightCalls,
    /// Calls wait for a vault that hangs.
    HungVaultCalls,
}

impl Attack {
    /// All attacks.
    pub const ALL: [Self; 10] = [
        Self::HostileAnswer,
        Self::CompressedAnswer,
        Self::HostileRequest,
        Self::SilentNameServers,
        Self::IdleConnections,
        Self::UnfinishedRequests,
        Self::UnreadConnections,
        Self::SerializedCalls,
        Self::InFlightCalls,
        Self::HungVaultCalls,
    ];

    /// What the attacked server is started with.
    pub(crate) fn conditions(self) -> Conditions {
        let usual = Conditions::default();
        match self {
            Self::SilentNameServers => Conditions { own_names: true, ..usual },
            Self::IdleConnections | Self::UnfinishedRequests => {
                Conditions { descriptors: Some(idle_connections::DESCRIPTORS), ..usual }
            }
            Self::SerializedCalls | Self::InFlightCalls | Self::HungVaultCalls => {
                Conditions { max_calls: Some(queued_calls::MAX_CALLS), ..usual }
            }
            _ => usual,
        }
    }

    /// Whether it is directed at connections. Honest callers then open a new one for each call.
    pub(crate) fn on_connections(self) -> bool {
        matches!(self, Self::IdleConnections | Self::UnfinishedRequests | Self::UnreadConnections)
    }

    /// How long it takes until the attack is steady, once its connections are open. Unread connections first make the server
    /// fill the buffers of the system with responses, which takes processor time.
    pub(crate) fn settles_in(self) -> Duration {
        match self {
            Self::UnreadConnections => Duration::from_secs(3),
            _ => Duration::ZERO,
        }
    }

    /// Starts it. It goes on until the returned value is dropped.
    pub(crate) fn start(
        self,
        fixture: &Fixture,
        server: &AttackedServer,
        pace: Pace,
    ) -> Result<Ongoing, Failed> {
        let client = server.hostile_client()?;
        match self {
            Self::HostileAnswer => hostile_answer::start(&client, hostile_answer::PLAIN, pace),
            Self::CompressedAnswer => hostile_answer::start(&client, hostile_answer::COMPRESSED, pace),
            Self::HostileRequest => hostile_request::start(&client, pace),
            Self::SilentNameServers => silent_names::start(&client, pace),
            Self::IdleConnections => idle_connections::start(server.public()?, "", pace),
            Self::UnfinishedRequests => {
                idle_connections::start(server.public()?, idle_connections::HEAD, pace)
            }
            Self::UnreadConnections => unread_connections::start(server.public()?, server.admin()?, pace),
            Self::SerializedCalls => queued_calls::serialized(&client, pace),
            Self::InFlightCalls => queued_calls::in_flight(&client, pace),
            Self::HungVaultCalls => queued_calls::hung_vault(&client, fixture.hang_vault(), pace),
        }
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::HostileAnswer => "hostile answer",
            Self::CompressedAnswer => "compressed answer",
            Self::HostileRequest => "hostile request",
            Self::SilentNameServers => "silent name servers",
            Self::IdleConnections => "idle connections",
            Self::UnfinishedRequests => "unfinished requests",
            Self::UnreadConnections => "unread connections",
            Self::SerializedCalls => "serialized calls",
            Self::InFlightCalls => "calls over in_flight",
            Self::HungVaultCalls => "calls on a hung vault",
        })
    }
}
