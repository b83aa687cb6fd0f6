//! `serve`: the MCP server, over HTTP or for one MCP host over standard input and output.

mod greeting;
pub(super) mod running;
mod stdio;

use std::net::SocketAddr;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::Common;
use super::compose::{Composed, Person, environment};
use super::exit::{Exit, Failure};
use super::logs::LogFormat;
use super::output::Output;
use crate::os::EndSignals;
use crate::profile::FlagOverride;
use greeting::Greeting;
use running::{Exposure, Running};

const EXAMPLES: &str = "\
Examples:
  GITHUB_TOKEN=… cofferdam serve
  cofferdam serve --profile airgap --listen 127.0.0.1:0
  cofferdam serve --stdio --profile ./team.toml
  cofferdam serve --profile production --log-format json

The first line printed is the address. A vault that is down takes down its modules and not the server; \
they come back by themselves. SIGINT and SIGTERM let calls in flight finish (`server.drain_delay`, \
`server.shutdown_timeout`); a second one ends at once.";

/// Serve MCP over HTTP, or over standard input and output
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// Serve one MCP host over standard input and output instead of HTTP
    #[arg(long, conflicts_with_all = ["listen", "admin_listen", "insecure_no_auth"])]
    stdio: bool,
    /// Where `/mcp` listens, above the profile's `server.listen`; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = socket_address)]
    listen: Option<SocketAddr>,
    /// Where health in detail and metrics listen, above the profile's `server.admin_listen`
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = socket_address)]
    admin_listen: Option<SocketAddr>,
    /// Listen beyond loopback although callers are not authenticated: whoever reaches the port uses every credential
    #[arg(long)]
    insecure_no_auth: bool,
    /// How log lines on standard error look
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(super) log_format: LogFormat,
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "write an IP address and a port, for example 127.0.0.1:7080 or [::1]:7080".into())
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

/// Serves until a signal, or on standard input its end.
pub(crate) async fn run(common: &Common, args: ServeArgs, output: &Output) -> Result<Exit, Failure> {
    // Before anything listens, so that no signal finds the default answer: an end without a word.
    let signals = EndSignals::listen().map_err(|error| {
        Failure::bad(
            format!("the system takes no signal handler: {error}"),
            "free some resources, and try again",
        )
    })?;
    let composed = Composed::with_layers(&common.profile, &environment(args.overrides()), Person::Nobody)?;
    let shutdown = CancellationToken::new();
    if args.stdio {
        tokio::spawn(watch(signals, shutdown.clone()));
        stdio::serve(&composed, shutdown, *output).await?;
        return Ok(Exit::Good);
    }
    let exposure = if args.insecure_no_auth { Exposure::Anywhere } else { Exposure::LoopbackOnly };
    let running = Running::start(&composed, exposure).await?;
    tokio::spawn(watch(signals, shutdown.clone()));
    Greeting::print_address(&running, *output);
    let greet = async {
        running.look_at_vaults().await;
        let found = composed.calls.broker().prefetch().await;
        Greeting::of(&composed, Some(&running), &found).print(*output);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = greet => {}
    }
    tracing::info!("stopping: what is in flight may finish; a second signal ends at once");
    running.stop().await;
    Ok(Exit::Good)
}

/// The first signal asks for an end; the second one does not ask.
async fn watch(mut signals: EndSignals, shutdown: CancellationToken) {
    signals.next().await;
    shutdown.cancel();
    signals.next().await;
    std::process::exit(i32::from(Exit::Bad.code()));
}
