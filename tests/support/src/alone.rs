//! A test that needs a process of its own.

use std::process::Command;

/// Names the test that a process runs alone.
const VARIABLE: &str = "COFFERDAM_TEST_ALONE";

/// Runs the test `name` in a new process and returns `true` when it has passed. Returns `false` in that process.
///
/// The log belongs to the whole process, so a test that searches it must not share the process with another one:
///
/// ```ignore
/// #[test]
/// fn nothing_is_logged() {
///     if runs_alone("log::nothing_is_logged") {
///         return;
///     }
///     // …
/// }
/// ```
///
/// # Panics
///
/// If the test fails there, or if no test has this name.
pub fn runs_alone(name: &str) -> bool {
    if std::env::var(VARIABLE).is_ok_and(|alone| alone == name) {
        return false;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", name, "--nocapture"]).env(VARIABLE, name).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stdout.contains("1 passed"), "{name}:\n{stdout}\n{stderr}");
    true
}
