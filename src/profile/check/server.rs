//! The `[server]` table.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use cofferdam_config::duration::{self, Bounds};
use cofferdam_config::{Diagnostic, KeyPath, size};

use super::report::Report;
use crate::profile::address;
use crate::profile::settings::ServerSettings;
use crate::profile::tables::ServerTable;

const SECOND: Duration = Duration::from_secs(1);
const TEN_MINUTES: Duration = Duration::from_secs(10 * 60);
/// Less would not hold one usual answer of a service.
const LEAST_MEMORY: u64 = 16 << 20;
const MOST_MEMORY: u64 = 1 << 40;
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The server's settings. What is wrong is reported and gets its default.
pub(in crate::profile) fn check(report: &mut Report, base_dir: &Path) -> ServerSettings {
    let path = KeyPath::new(["server"]);
    let keys = report.section("server").cloned().unwrap_or_default();
    let table: ServerTable = report.read(&path, keys).unwrap_or_default();
    let listen = socket(report, "listen", &table.listen);
    let admin_listen = socket(report, "admin_listen", &table.admin_listen);
    if listen == admin_listen && listen.port() != 0 {
        report.value_error(
            &path.child("admin_listen"),
            "must not be the same as `listen`: detailed health is not for callers",
            "use another port",
        );
    }
    if table.modules_dir.as_ref().is_some_and(String::is_empty) {
        report.value_error(
            &path.child("modules_dir"),
            "must not be empty",
            "name a folder, or remove the key",
        );
    }
    let least = Bounds { least: Duration::from_millis(1), most: HOUR };
    let call_timeout = duration(report, "call_timeout", &table.call_timeout, least);
    let age = Bounds { least: SECOND, most: DAY };
    let connection_age = duration(report, "connection_age", &table.connection_age, age);
    let memory_budget = memory_budget(report, &table.memory_budget);
    let delay = Bounds { least: Duration::ZERO, most: TEN_MINUTES };
    let drain_delay = duration(report, "drain_delay", &table.drain_delay, delay);
    let from_zero = Bounds { least: Duration::ZERO, most: HOUR };
    let shutdown_timeout = duration(report, "shutdown_timeout", &table.shutdown_timeout, from_zero);
    each(report, "allowed_hosts", &table.allowed_hosts, address::host);
    each(report, "allowed_origins", &table.allowed_origins, address::origin);
    ServerSettings {
        listen,
        admin_listen,
        modules_dir: table.modules_dir.map(|folder| base_dir.join(folder)),
        call_timeout,
        max_calls: count(table.max_calls),
        max_connections: table.max_connections.map(count),
        max_connections_per_peer: table.max_connections_per_peer.map(count),
        connection_age,
        memory_budget,
        drain_delay,
        shutdown_timeout,
        allowed_hosts: table.allowed_hosts,
        allowed_origins: table.allowed_origins,
    }
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn socket(report: &mut Report, key: &str, text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|_| {
        report.value_error(
            &KeyPath::new(["server", key]),
            "not an address to listen on",
            "write an IP address and a port, such as \"127.0.0.1:7080\" or \"[::1]:7080\"",
        );
        SocketAddr::from(([127, 0, 0, 1], 0))
    })
}

/// A duration, which the validation has parsed before; zero if it is out of its bounds.
fn duration(report: &mut Report, key: &str, text: &str, bounds: Bounds) -> Duration {
    let found = duration::parse(text).and_then(|duration| bounds.check(duration));
    report.take(&KeyPath::new(["server", key]), found).unwrap_or_default()
}

/// The memory for requests and answers; the least if it is wrong.
fn memory_budget(report: &mut Report, text: &str) -> u64 {
    let path = KeyPath::new(["server", "memory_budget"]);
    let bytes = report.take(&path, size::parse(text)).unwrap_or(LEAST_MEMORY);
    if !(LEAST_MEMORY..=MOST_MEMORY).contains(&bytes) {
        report.value_error(
            &path,
            "is out of range",
            "write a size from \"16MiB\" to \"1048576MiB\"; the default is \"192MiB\"",
        );
    }
    bytes
}

fn each(report: &mut Report, key: &str, strings: &[String], check: fn(&str) -> Result<(), Diagnostic>) {
    let path = KeyPath::new(["server", key]);
    for (index, text) in strings.iter().enumerate() {
        report.take(&path.child(index), check(text));
    }
}
