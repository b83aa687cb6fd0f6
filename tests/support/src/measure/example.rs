//! What the examples that measure have in common: how they start, and how they end.

use std::process::ExitCode;

use cofferdam::os::ShutdownSignals;

use crate::Failed;

/// Runs an example, which returns whether every promise was kept: exit code 0 if so, 1 if not, and 2 if something could not
/// be run.
///
/// The server under test is the same program again: with `serve` as its first argument it is `cofferdam`.
#[allow(clippy::print_stderr)] // it is the main function of a program
pub fn run_example(run: impl FnOnce() -> Result<bool, Failed>) -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return cofferdam::cli::main();
    }
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs `measure` on a runtime of its own, until a signal interrupts it. That ends every process that it has started.
///
/// # Errors
///
/// Those of `measure`, and if it was interrupted.
pub fn until_interrupted<T>(measure: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = ShutdownSignals::listen()?;
        tokio::select! {
            measured = measure => measured,
            () = signals.recv() => Err("interrupted; everything that was started has been ended".into()),
        }
    })
}
