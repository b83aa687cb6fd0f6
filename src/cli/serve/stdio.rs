//! `serve --stdio`: one MCP host, over standard input and output. Only the protocol writes to standard output.

use cofferdam_config::text;
use tokio_util::sync::CancellationToken;

use super::banner::Banner;
use crate::caller::Caller;
use crate::cli::compose::App;
use crate::cli::exit::CommandError;
use crate::cli::output::Output;
use crate::http::{RAISE_DESCRIPTORS, Shortage};
use crate::mcp::{Handler, serve_stdio};
use crate::os::descriptor_limit;

/// Serves until the host closes standard input, or `shutdown` is cancelled.
///
/// Probes the vaults during the handshake, so that a slow vault cannot make the host time out.
///
/// # Errors
///
/// Returns a failure if standard output breaks.
pub(super) async fn serve(
    app: &App,
    shutdown: CancellationToken,
    output: Output,
) -> Result<(), CommandError> {
    if let Some(shortage) = Shortage::on_stdio(&app.server, &app.calls, descriptor_limit().soft) {
        tracing::warn!("{shortage}; {RAISE_DESCRIPTORS}");
    }
    let stop = CancellationToken::new();
    let handler = Handler::for_caller(app.calls.clone(), app.server.call_timeout, stop, Caller::local());
    let print_banner = async {
        app.calls.broker().start().await;
        let accounts = app.calls.broker().prefetch().await;
        let banner = Banner::new(app, None, &accounts).render();
        // A host that never reads standard error would block the write, hence a thread of its own. If the system provides
        // no thread, the banner is omitted.
        let _ = std::thread::Builder::new().spawn(move || output.note(banner));
    };
    let served = serve_stdio(handler, shutdown, app.server.shutdown_timeout);
    tokio::pin!(served);
    let result = tokio::select! {
        result = &mut served => result,
        () = print_banner => served.await,
    };
    app.calls.broker().close().await;
    result.map_err(|error| {
        CommandError::failure(
            text!("the connection to the MCP host failed: {error}"),
            "let the host start this server again",
        )
    })
}
