//! A network of its own for a test.

use std::process::Command;

use crate::program::{PROGRAM_VARIABLE, program};

/// Runs the test `name` of this file's process in a new network namespace, where only loopback exists and is down. The test
/// has `#[ignore]`, since it must not run anywhere else. Prints its output.
///
/// # Panics
///
/// If no namespace can be made, or if the test fails.
pub fn run_in_network_namespace(name: &str) {
    let ended = into_a_namespace()
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env(PROGRAM_VARIABLE, program())
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
    println!("{stdout}");
}

/// A command that runs its arguments in a new network namespace: as root, or else in a user namespace.
fn into_a_namespace() -> Command {
    let ways: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];
    let mut refusals = String::new();
    for way in ways {
        let mut command = Command::new("unshare");
        match command.args(way).args(["ip", "link", "set", "lo", "up"]).output() {
            Ok(tried) if tried.status.success() => {
                let mut command = Command::new("unshare");
                command.args(way).arg("--");
                return command;
            }
            Ok(tried) => refusals += &String::from_utf8_lossy(&tried.stderr),
            Err(error) => refusals += &format!("unshare: {error}\n"),
        }
    }
    panic!(
        "no network namespace can be made:\n{refusals}Install util-linux and iproute2, and run as root or allow user \
         namespaces (sysctl user.max_user_namespaces=15000, and where there are such keys kernel.unprivileged_userns_clone=1 \
         and kernel.apparmor_restrict_unprivileged_userns=0)"
    );
}
