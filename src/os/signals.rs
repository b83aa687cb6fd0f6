//! The signals that ask this process to shut down.

use std::io;

/// A listener for shutdown signals: SIGINT and SIGTERM on Unix, Ctrl-C elsewhere (*not verified*).
#[derive(Debug)]
pub struct ShutdownSignals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl ShutdownSignals {
    /// Starts to listen. From now on these signals no longer terminate the process; [`ShutdownSignals::recv`] returns
    /// them instead.
    ///
    /// # Errors
    ///
    /// Returns an error if the system refuses the signal handler.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime.
    pub fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for the next signal. Cancel safe.
    pub async fn recv(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler no signal can ever arrive.
            std::future::pending::<()>().await;
        }
    }
}
