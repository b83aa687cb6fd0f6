//! Whether an output stream is shown in color: a terminal, unless `NO_COLOR` or the like turns it off.

use anstream::{AutoStream, ColorChoice};

/// Returns whether standard output is shown in color.
pub(crate) fn on_stdout() -> bool {
    AutoStream::choice(&std::io::stdout()) != ColorChoice::Never
}

/// Returns whether standard error is shown in color.
pub(crate) fn on_stderr() -> bool {
    AutoStream::choice(&std::io::stderr()) != ColorChoice::Never
}
