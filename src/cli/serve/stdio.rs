//! `serve --stdio`: one MCP host, on standard input and output. Nothing else ever writes to standard output.

use tokio_util::sync::CancellationToken;

use super::super::compose::Composed;
use super::super::exit::Failure;
use super::super::output::Output;
use super::greeting::Greeting;
use crate::caller::Caller;
use crate::mcp::{Handler, serve_stdio};

/// Serves until the host closes its end, or `shutdown` is cancelled.
///
/// The vaults are looked at while the host says hello: a slow vault must not make a host give up on us.
///
/// # Errors
///
/// Where standard output breaks.
pub(super) async fn serve(
    composed: &Composed,
    shutdown: CancellationToken,
    output: Output,
) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    let handler =
        Handler::for_caller(composed.calls.clone(), composed.server.call_timeout, stop, Caller::local());
    let greet = async {
        composed.calls.broker().start().await;
        let found = composed.calls.broker().prefetch().await;
        let greeting = Greeting::of(composed, None, &found).text(output);
        // Hosts show standard error to their person. One that never reads it must not hold us up; without a thread to spare
        // it stays unsaid.
        let _ = std::thread::Builder::new().spawn(move || output.remark(greeting));
    };
    let served = serve_stdio(handler, shutdown, composed.server.shutdown_timeout);
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = greet => served.await,
    };
    composed.calls.broker().close().await;
    ended.map_err(|error| {
        Failure::bad(format!("the MCP host's end broke: {error}"), "start it again from the host")
    })
}
