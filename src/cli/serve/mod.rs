//! `serve`: the MCP server, over HTTP or over standard input and output.

mod banner;
mod stdio;

use std::net::SocketAddr;

use clap::Args;
use cofferdam_config::text;
use tokio_util::sync::CancellationToken;

use super::Common;
use super::compose::{App, Interactivity, environment};
use super::exit::{CommandError, Exit};
use super::logs::LogFormat;
use super::output::Output;
use super::running_server::{ListenScope, RunningServer};
use crate::os::{ShutdownSignals, raise_descriptor_limit};
use crate::profile::FlagOverride;
use banner::Banner;

const EXAMPLES: &str = "\
Examples:
  GITHUB_TOKEN=… cofferdam serve
  cofferdam serve --profile airgap --listen 127.0.0.1:0
  cofferdam serve --stdio --profile ./team.toml
  cofferdam serve --profile production --log-format json

The first line of the output is the address of the server. A vault that is down disables its modules only; they recover by \
themselves. On SIGINT or SIGTERM the calls in flight may finish (`server.drain_delay`, `server.shutdown_timeout`). A second \
signal terminates at once.";

/// Serve MCP over HTTP, or over standard input and output
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// Serve one MCP host over standard input and output instead of HTTP
    #[arg(long, conflicts_with_all = ["listen", "admin_listen", "insecure_no_auth"])]
    stdio: bool,
    /// The address of `/mcp`. Overrides `server.listen` of the profile; port 0 selects a free port
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = socket_address)]
    listen: Option<SocketAddr>,
    /// The address of detailed health and of metrics. Overrides `server.admin_listen` of the profile
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = socket_address)]
    admin_listen: Option<SocketAddr>,
    /// Allow addresses other than loopback although callers are not authenticated: everyone who can connect can use every
    /// credential
    #[arg(long)]
    insecure_no_auth: bool,
    /// The format of the log on standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(super) log_format: LogFormat,
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an IP address and a port, for example 127.0.0.1:7080 or [::1]:7080".into())
}

impl ServeArgs {
    fn overrides(&self) -> Vec<FlagOverride> {
        let flag = |flag, key, address: Option<SocketAddr>| {
            address.map(|address| FlagOverride { flag, key, value: address.to_string() })
        };
        let listen = flag("--listen", "server.listen", self.listen);
        let admin = flag("--admin-listen", "server.admin_listen", self.admin_listen);
        listen.into_iter().chain(admin).collect()
    }
}

/// Serves until a signal arrives, or on stdio until the host closes standard input.
pub(crate) async fn run(common: &Common, args: ServeArgs, output: &Output) -> Result<Exit, CommandError> {
    // Must precede the first listener: until then, a signal would terminate the process without a drain.
    let signals = ShutdownSignals::listen().map_err(|error| {
        CommandError::failure(text!("cannot listen for signals: {error}"), "run the command again")
    })?;
    if let Err(error) = raise_descriptor_limit() {
        tracing::warn!(%error, "cannot raise the limit of open files; the number of connections follows from it");
    }
    let app = App::load_with_overrides(
        &common.profile,
        &environment(args.overrides()),
        Interactivity::NonInteractive,
    )?;
    for vault in app.calls.broker().vaults() {
        let (backend, location, sources) = (vault.backend, &vault.location, vault.sources.join(", "));
        tracing::info!(vault = %vault.name, backend, %location, %sources, "a vault of the profile");
    }
    let shutdown = CancellationToken::new();
    if args.stdio {
        tokio::spawn(watch(signals, shutdown.clone()));
        stdio::serve(&app, shutdown, *output).await?;
        return Ok(Exit::Success);
    }
    let scope = if args.insecure_no_auth { ListenScope::Any } else { ListenScope::Loopback };
    let server = RunningServer::start(&app, scope).await?;
    tokio::spawn(watch(signals, shutdown.clone()));
    Banner::print_address(&server, *output);
    let print_banner = async {
        server.probe_vaults().await;
        let accounts = app.calls.broker().prefetch().await;
        Banner::new(&app, Some(&server), &accounts).print(*output);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = print_banner => {}
    }
    tracing::info!("shutting down: calls in flight may finish; a second signal terminates at once");
    server.stop().await;
    Ok(Exit::Success)
}

/// Cancels `shutdown` on the first signal, and terminates the process on the second.
async fn watch(mut signals: ShutdownSignals, shutdown: CancellationToken) {
    signals.recv().await;
    shutdown.cancel();
    signals.recv().await;
    std::process::exit(i32::from(Exit::Failure.code()));
}
