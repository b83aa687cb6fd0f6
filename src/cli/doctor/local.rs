//! What can be seen without a vault: the profile, its files, and the ports.

use std::net::SocketAddr;
use std::path::Path;

use cofferdam_config::{Diagnostic, Severity};
use cofferdam_vault::{Protection, file_permissions};
use tokio::net::TcpListener;

use super::super::compose::Composed;
use super::report::Report;
use super::server::{Answer, ask};
use crate::http::{callable, check_bind};
use crate::profile::ServerSettings;

/// The profile's own problems, and who else can change it or the manifests.
pub(super) fn profile(composed: &Composed, report: &mut Report) {
    for warning in &composed.warnings {
        report.add("profile", Diagnostic::warning("", warning.to_string(), warning.remedy.clone()));
    }
    for broken in composed.calls.registry().broken() {
        let what = format!("manifest refused: {broken}");
        report.add(
            "profile",
            Diagnostic::error("", what, "mend it; `cofferdam profile check` looks at all of them"),
        );
    }
    let file = composed.profile_file.as_deref();
    report.add(
        "profile",
        file.and_then(|path| file_permissions(path, "the profile", Protection::Integrity))
            .unwrap_or_else(|| Diagnostic::info("", "it is the copy inside the binary")),
    );
    let Some(folder) = &composed.server.modules_dir else { return };
    // Who writes a manifest decides where a credential is sent.
    let manifests = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let manifests = manifests.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let found = |path: &Path, what| file_permissions(path, what, Protection::Integrity);
    let open = manifests
        .filter_map(|path| found(&path, "the manifest"))
        .filter(|found| found.severity != Severity::Info);
    let all = found(folder, "modules_dir").into_iter().chain(open);
    all.for_each(|finding| report.add("profile", finding));
}

/// Whether the server could listen, or does.
pub(super) async fn ports(server: &ServerSettings, report: &mut Report) {
    for (key, address) in [("server.listen", server.listen), ("server.admin_listen", server.admin_listen)] {
        report.add(format!("port {}", address.port()), port(key, address).await);
        if check_bind(address, false).is_err() {
            report.add(
                format!("port {}", address.port()),
                Diagnostic::warning("", 
                    format!("{key} {address} can be reached from other machines, and callers are not authenticated"),
                    "listen on loopback, or make sure that something in front lets only the right ones through",
                ),
            );
        }
    }
}

async fn port(key: &str, address: SocketAddr) -> Diagnostic {
    if address.port() == 0 {
        return Diagnostic::info("", format!("{key} {address} takes any free port"));
    }
    let taken = match TcpListener::bind(address).await {
        Ok(_) => return Diagnostic::info("", format!("{key} {address} is free")),
        Err(error) => error,
    };
    if taken.kind() != std::io::ErrorKind::AddrInUse {
        return Diagnostic::error(
            "",
            format!("{key} {address} cannot be listened on: {taken}"),
            "choose another address",
        );
    }
    match ask(callable(address)).await {
        Answer::Ours => Diagnostic::info("", format!("a Cofferdam answers at {key} {address}")),
        Answer::Other(why) | Answer::None(why) => Diagnostic::error(
            "",
            format!("another program has {key} {address} ({why})"),
            "end it, or choose another port in the profile",
        ),
    }
}
