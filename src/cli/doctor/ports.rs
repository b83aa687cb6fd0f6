//! The checks of the addresses that the server listens on.

use std::io::ErrorKind;
use std::net::SocketAddr;

use cofferdam_config::{Diagnostic, text};
use tokio::net::TcpListener;

use super::healthz::{self, Health};
use super::report::Report;
use crate::http::{check_bind, reachable_address};
use crate::profile::ServerSettings;

/// Checks that each address is free or used by a Cofferdam server, and that only this machine can reach it.
pub(super) async fn check(server: &ServerSettings, report: &mut Report) {
    for (key, address) in [("server.listen", server.listen), ("server.admin_listen", server.admin_listen)] {
        let subject = format!("port {}", address.port());
        report.add(&subject, availability(key, address).await);
        if check_bind(address, false).is_err() {
            report.add(
                &subject,
                Diagnostic::warning("", 
                    text!("{key} {address} accepts connections from other machines, and callers are not authenticated"),
                    "listen on loopback, or let only authenticated callers connect, for example through a proxy",
                ),
            );
        }
    }
}

async fn availability(key: &'static str, address: SocketAddr) -> Diagnostic {
    if address.port() == 0 {
        return Diagnostic::info("", text!("{key} {address} selects a free port"));
    }
    let error = match TcpListener::bind(address).await {
        Ok(_) => return Diagnostic::info("", text!("{key} {address} is free")),
        Err(error) => error,
    };
    if error.kind() != ErrorKind::AddrInUse {
        return Diagnostic::error(
            "",
            text!("cannot listen on {key} {address}: {error}"),
            text!("set {key} to another address"),
        );
    }
    match healthz::get(reachable_address(address)).await {
        Health::Cofferdam => Diagnostic::info("", text!("{key} {address} is used by a Cofferdam server")),
        Health::Other(why) | Health::Unreachable(why) => Diagnostic::error(
            "",
            text!("{key} {address} is used by another program ({why})"),
            text!("stop that program, or set {key} to another port"),
        ),
    }
}
