//! What can be seen without a vault: the profile, its files, and the ports.

use std::net::SocketAddr;
use std::path::Path;

use cofferdam_vault::{Finding, Kept, Level, exposure};
use tokio::net::TcpListener;

use super::super::compose::App;
use super::report::Report;
use super::server::{Answer, ask};
use crate::http::{check_bind, reachable_address};
use crate::profile::ServerSettings;

/// The profile's own problems, and who else can change it or the manifests.
pub(super) fn profile(app: &App, report: &mut Report) {
    for warning in &app.warnings {
        report.add("profile", Finding::notice(warning.to_string(), warning.remedy.clone()));
    }
    for broken in app.calls.registry().broken() {
        let what = format!("manifest refused: {broken}");
        report.add("profile", Finding::bad(what, "mend it; `cofferdam profile check` looks at all of them"));
    }
    let file = app.profile_file.as_deref();
    report.add(
        "profile",
        file.and_then(|path| exposure(path, "the profile", Kept::Intact))
            .unwrap_or_else(|| Finding::good("it is the copy inside the binary")),
    );
    let Some(folder) = &app.server.modules_dir else { return };
    // Who writes a manifest decides where a credential is sent.
    let manifests = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let manifests = manifests.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let found = |path: &Path, what| exposure(path, what, Kept::Intact);
    let open =
        manifests.filter_map(|path| found(&path, "the manifest")).filter(|found| found.level != Level::Good);
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
                Finding::notice(
                    format!("{key} {address} can be reached from other machines, and callers are not authenticated"),
                    "listen on loopback, or make sure that something in front lets only the right ones through",
                ),
            );
        }
    }
}

async fn port(key: &str, address: SocketAddr) -> Finding {
    if address.port() == 0 {
        return Finding::good(format!("{key} {address} takes any free port"));
    }
    let taken = match TcpListener::bind(address).await {
        Ok(_) => return Finding::good(format!("{key} {address} is free")),
        Err(error) => error,
    };
    if taken.kind() != std::io::ErrorKind::AddrInUse {
        return Finding::bad(
            format!("{key} {address} cannot be listened on: {taken}"),
            "choose another address",
        );
    }
    match ask(reachable_address(address)).await {
        Answer::Ours => Finding::good(format!("a Cofferdam answers at {key} {address}")),
        Answer::Other(why) | Answer::None(why) => Finding::bad(
            format!("another program has {key} {address} ({why})"),
            "end it, or choose another port in the profile",
        ),
    }
}
