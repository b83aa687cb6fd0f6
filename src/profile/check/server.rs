//! The `[server]` table.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use figment::value::Value;

use super::report::Report;
use crate::profile::address;
use crate::profile::document::Part;
use crate::profile::key::KeyPath;
use crate::profile::settings::ServerSettings;
use crate::profile::tables::ServerTable;
use crate::profile::validate::{Bounds, in_words};

const TEN_MINUTES: Duration = Duration::from_secs(10 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The server's settings. What is wrong is reported and gets its default.
pub(in crate::profile) fn check(report: &mut Report, base_dir: &Path) -> ServerSettings {
    let path = KeyPath::of(["server"]);
    let keys = report.values.get("server").cloned().and_then(Value::into_dict).unwrap_or_default();
    let table: ServerTable = report.read(&path, keys).unwrap_or_default();
    let listen = socket(report, "listen", &table.listen);
    let admin_listen = socket(report, "admin_listen", &table.admin_listen);
    if listen == admin_listen && listen.port() != 0 {
        let message = "`listen` and `admin_listen` are one address; health in detail is not for callers";
        report.problem(&path.child("admin_listen"), Part::Value, message, "give each its own port");
    }
    if table.modules_dir.as_ref().is_some_and(String::is_empty) {
        report.problem(
            &path.child("modules_dir"),
            Part::Value,
            "is empty",
            "name a folder, or leave the key out",
        );
    }
    let least = Bounds { least: Duration::from_millis(1), most: HOUR };
    let call_timeout = duration(report, "call_timeout", &table.call_timeout, &least);
    let delay = Bounds { least: Duration::ZERO, most: TEN_MINUTES };
    let drain_delay = duration(report, "drain_delay", &table.drain_delay, &delay);
    let from_zero = Bounds { least: Duration::ZERO, most: HOUR };
    let shutdown_timeout = duration(report, "shutdown_timeout", &table.shutdown_timeout, &from_zero);
    each(report, "allowed_hosts", &table.allowed_hosts, address::host);
    each(report, "allowed_origins", &table.allowed_origins, address::origin);
    ServerSettings {
        listen,
        admin_listen,
        modules_dir: table.modules_dir.map(|folder| base_dir.join(folder)),
        call_timeout,
        max_calls: usize::try_from(table.max_calls).unwrap_or(usize::MAX),
        drain_delay,
        shutdown_timeout,
        allowed_hosts: table.allowed_hosts,
        allowed_origins: table.allowed_origins,
    }
}

fn socket(report: &mut Report, key: &str, text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|_| {
        let remedy = "write an IP address and a port, such as \"127.0.0.1:7080\" or \"[::1]:7080\"";
        report.problem(&KeyPath::of(["server", key]), Part::Value, "this is no address to listen on", remedy);
        SocketAddr::from(([127, 0, 0, 1], 0))
    })
}

/// A duration that has the right form; zero where it is out of its bounds.
fn duration(report: &mut Report, key: &str, text: &str, bounds: &Bounds<Duration>) -> Duration {
    let duration = humantime::parse_duration(text).unwrap_or_default();
    if let Some((message, remedy)) = in_words(duration, bounds) {
        report.problem(&KeyPath::of(["server", key]), Part::Value, message, remedy);
    }
    duration
}

fn each(report: &mut Report, key: &str, texts: &[String], check: fn(&str) -> Result<(), (String, String)>) {
    let path = KeyPath::of(["server", key]);
    for (index, text) in texts.iter().enumerate() {
        if let Err((message, remedy)) = check(text) {
            report.problem(&path.child(index), Part::Value, message, remedy);
        }
    }
}
