//! How many connections there may be, given the file descriptors of this process.

use std::fmt;

use cofferdam_config::Shown;

use crate::calls::Calls;
use crate::profile::ServerSettings;

/// The maximum number of connections of the operator's listener.
pub(in crate::http) const MAX_ADMIN_CONNECTIONS: usize = 64;

/// The connections in addition to one per call if the profile does not set their number: for health routes and idle
/// clients.
const SPARE_CONNECTIONS: usize = 1024;

/// One machine may have this part of all connections if the profile does not set its number.
const PEER_PART: usize = 4;

/// Descriptors of the process itself: standard streams, listeners, the runtime, files that are read at start, and the
/// connections that are being accepted or closed.
const PROCESS_DESCRIPTORS: u64 = 64;

/// Descriptors of one request to a vault: a secret's file and its key, or a connection and a name look-up.
const DESCRIPTORS_PER_VAULT_REQUEST: u64 = 2;

/// How to raise the limit of open files.
pub const RAISE_DESCRIPTORS: &str = "raise the limit of open files: `LimitNOFILE=` of a systemd unit, `ulimit -Hn` of a \
     shell, `ulimits` of a container; or lower server.max_calls and server.max_connections";

/// The number of connections that callers may have, and how it follows from the descriptors of this process.
///
/// Descriptors for vaults, for the operator's listener and for the connections to services are kept free: connections of
/// callers cannot use them up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionBudget {
    wanted: usize,
    /// Whether the profile sets the number.
    is_set: bool,
    max: usize,
    max_per_peer: usize,
    limit: u64,
    needed: u64,
}

/// The most descriptors that the profile may need, apart from those for callers and for the process itself.
#[derive(Debug, Clone, Copy)]
struct Needs {
    /// For requests to vaults.
    vaults: u64,
    /// For the connections to services of running calls.
    calls: u64,
    /// For what modules have open beside their calls: idle connections, and look-ups of names.
    modules: u64,
}

impl Needs {
    fn new(settings: &ServerSettings, calls: &Calls) -> Self {
        let modules = calls.registry().all_modules().iter();
        let (running, idle) = modules.fold((0_u64, 0_u64), |(running, idle), module| {
            let (calls, files) = (count(module.max_calls()), count(module.max_idle_files()));
            (running.saturating_add(calls), idle.saturating_add(files))
        });
        Self {
            vaults: count(calls.broker().max_requests()).saturating_mul(DESCRIPTORS_PER_VAULT_REQUEST),
            calls: running.min(count(settings.max_calls)),
            modules: idle,
        }
    }
}

impl ConnectionBudget {
    /// The budget of a process that may have `limit` open files.
    pub fn new(settings: &ServerSettings, calls: &Calls, limit: u64) -> Self {
        Self::from_needs(settings, Needs::new(settings, calls), limit)
    }

    fn from_needs(settings: &ServerSettings, needs: Needs, limit: u64) -> Self {
        let Needs { vaults, calls, modules } = needs;
        let wanted =
            settings.max_connections.unwrap_or_else(|| settings.max_calls.saturating_add(SPARE_CONNECTIONS));
        let own = PROCESS_DESCRIPTORS.saturating_add(count(MAX_ADMIN_CONNECTIONS));
        // Not all vaults and modules are at their limits at once, so on a small system they get a part only.
        let reserve = own.saturating_add(vaults.min(limit / 4)).saturating_add(modules.min(limit / 8));
        let free = limit.saturating_sub(reserve);
        // A call has a connection of its caller and one to its service.
        let possible = free.saturating_sub(calls).max(free / 2).max(1);
        let max = wanted.min(usize::try_from(possible).unwrap_or(usize::MAX));
        let max_per_peer =
            settings.max_connections_per_peer.unwrap_or_else(|| (max / PEER_PART).max(1)).min(max);
        let needed = [own, vaults, modules, calls].into_iter().fold(count(wanted), u64::saturating_add);
        Self { wanted, is_set: settings.max_connections.is_some(), max, max_per_peer, limit, needed }
    }

    /// The maximum number of connections.
    pub fn max(&self) -> usize {
        self.max
    }

    /// The maximum number of connections from one machine.
    pub fn max_per_peer(&self) -> usize {
        self.max_per_peer
    }

    /// Returns what the profile lacks if it may need more descriptors than there are. `None` if there are enough.
    pub fn shortage(&self) -> Option<Shortage> {
        (self.limit < self.needed).then_some(Shortage {
            budget: Some(*self),
            limit: self.limit,
            needed: self.needed,
        })
    }
}

/// There are fewer descriptors than the profile may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage {
    /// `None` if callers have no connections.
    budget: Option<ConnectionBudget>,
    limit: u64,
    needed: u64,
}

impl Shortage {
    /// Returns what the profile lacks on standard input and output, in a process that may have `limit` open files. `None`
    /// if there are enough.
    pub fn on_stdio(settings: &ServerSettings, calls: &Calls, limit: u64) -> Option<Self> {
        Self::without_connections(Needs::new(settings, calls), limit)
    }

    fn without_connections(Needs { vaults, calls, modules }: Needs, limit: u64) -> Option<Self> {
        let needed = [vaults, calls, modules].into_iter().fold(PROCESS_DESCRIPTORS, u64::saturating_add);
        (limit < needed).then_some(Self { budget: None, limit, needed })
    }
}

impl Shown for Shortage {}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { budget, limit, needed } = self;
        let Some(ConnectionBudget { wanted, is_set, max, .. }) = *budget else {
            return write!(
                f,
                "not all calls, modules and vaults can be in full use at once: they need {needed} open files, and this \
                 process may have {limit}"
            );
        };
        let why = if is_set { "server.max_connections" } else { "server.max_calls" };
        if max < wanted {
            write!(f, "callers may have {max} connections at once instead of {wanted} ({why}): those need ")?;
        } else {
            write!(
                f,
                "not all modules and vaults can be in full use at once beside {wanted} connections ({why}): they need "
            )?;
        }
        write!(f, "{needed} open files, and this process may have {limit}")
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn settings(max_calls: usize, max_connections: Option<usize>) -> ServerSettings {
        ServerSettings {
            listen: ([127, 0, 0, 1], 0).into(),
            admin_listen: ([127, 0, 0, 1], 0).into(),
            modules_dir: None,
            call_timeout: Duration::from_secs(60),
            max_calls,
            max_connections,
            max_connections_per_peer: None,
            connection_age: Duration::from_secs(3600),
            memory_budget: 192 * 1024 * 1024,
            drain_delay: Duration::ZERO,
            shutdown_timeout: Duration::from_secs(10),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
        }
    }

    /// With one vault and one module, which may run as many calls as the server.
    fn budget(max_calls: usize, max_connections: Option<usize>, limit: u64) -> ConnectionBudget {
        with(&settings(max_calls, max_connections), 36, 40, limit)
    }

    fn with(settings: &ServerSettings, vaults: u64, modules: u64, limit: u64) -> ConnectionBudget {
        let calls = count(settings.max_calls);
        ConnectionBudget::from_needs(settings, Needs { vaults, calls, modules }, limit)
    }

    #[test]
    fn with_enough_descriptors_there_are_as_many_as_the_profile_wants() {
        for limit in [65_536, u64::MAX] {
            let derived = budget(10_000, None, limit);
            assert_eq!((derived.max(), derived.max_per_peer(), derived.shortage()), (11_024, 2756, None));
            assert_eq!(budget(10_000, Some(50), limit).max(), 50);
        }
        let mut two = settings(10, Some(100));
        two.max_connections_per_peer = Some(7);
        assert_eq!(with(&two, 0, 0, 65_536).max_per_peer(), 7);
        two.max_connections_per_peer = Some(700);
        assert_eq!(with(&two, 0, 0, 65_536).max_per_peer(), 100);
    }

    #[test]
    fn with_few_descriptors_half_of_those_that_are_free_are_for_calls_to_services() {
        let budget = budget(10_000, None, 1024);
        // 64 for the process, 64 for the operator, 36 for the vault, 40 for the module.
        assert_eq!(budget.max(), (1024 - 64 - 64 - 36 - 40) / 2);
        assert_eq!(budget.max_per_peer(), budget.max() / 4);
    }

    #[test]
    fn few_calls_leave_the_rest_to_idle_clients() {
        assert_eq!(budget(100, Some(5000), 1024).max(), 1024 - 64 - 64 - 36 - 40 - 100);
    }

    #[test]
    fn many_vaults_and_modules_leave_something_and_a_tiny_limit_leaves_one() {
        let crowded = with(&settings(10_000, None), 200 * 36, 1000 * 40, 1024);
        assert_eq!(crowded.max(), (1024 - 64 - 64 - 1024 / 4 - 1024 / 8) / 2);
        for limit in 0..200 {
            let budget = budget(10_000, None, limit);
            assert!(budget.max() >= 1 && budget.max_per_peer() >= 1, "{limit}");
        }
    }

    #[test]
    fn a_shortage_names_the_key_and_the_limit() {
        assert_eq!(
            budget(100, Some(5000), 1024).shortage().unwrap().to_string(),
            "callers may have 720 connections at once instead of 5000 (server.max_connections): those need 5304 open files, \
             and this process may have 1024"
        );
        let derived = budget(10_000, None, 1024).shortage().unwrap().to_string();
        assert!(derived.contains("server.max_calls"), "{derived}");
    }

    #[test]
    fn on_stdio_callers_need_no_descriptors() {
        let needs = Needs { vaults: 36, calls: 100, modules: 40 };
        assert_eq!(Shortage::without_connections(needs, 64 + 36 + 100 + 40), None);
        assert_eq!(
            Shortage::without_connections(needs, 64 + 36 + 100 + 40 - 1).unwrap().to_string(),
            "not all calls, modules and vaults can be in full use at once: they need 240 open files, and this process may \
             have 239"
        );
    }

    /// Callers get all that they want, but then a thousand modules find no descriptors for their connections.
    #[test]
    fn what_modules_and_vaults_lack_is_a_shortage_too() {
        let budget = with(&settings(100, None), 36, 1000 * 36, 20_000);
        assert_eq!(budget.max(), 1124);
        assert_eq!(
            budget.shortage().unwrap().to_string(),
            "not all modules and vaults can be in full use at once beside 1124 connections (server.max_calls): they need \
             37388 open files, and this process may have 20000"
        );
        assert_eq!(with(&settings(100, None), 36, 1000 * 36, 37_388).shortage(), None);
    }
}
