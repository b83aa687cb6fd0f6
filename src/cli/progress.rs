//! How far long work is: a bar on the terminal of whoever waits, and nothing where nobody looks.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::Output;

/// A bar of so many steps on standard error; hidden where that is no terminal, and where a program reads.
pub(super) fn bar(steps: usize, output: Output) -> ProgressBar {
    let target = if output.is_json() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(u64::try_from(steps).ok(), target);
    // The template is a constant, and a wrong one only looks plain.
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}") {
        bar.set_style(style);
    }
    bar
}
