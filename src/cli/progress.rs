//! A progress bar for long work.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::Output;

/// Creates a bar of `steps` steps on standard error. It is hidden if that is not a terminal, and if the command prints JSON.
pub(super) fn bar(steps: usize, output: Output) -> ProgressBar {
    let target = if output.is_json() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(u64::try_from(steps).ok(), target);
    // The template is a constant, so parsing cannot fail at run time.
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}") {
        bar.set_style(style);
    }
    bar
}
