//! Tests that run in namespaces of their own: with another network, or other files in `/etc`.

use std::process::Command;

use crate::program::{PROGRAM_VARIABLE, program};

/// Runs the ignored test `name` of this binary in new namespaces of these `kinds`, which are options of `unshare`. In a new
/// network only loopback exists, and is down. Returns what the test prints.
///
/// # Panics
///
/// If no namespace can be made, or the test fails.
pub fn run_in_a_namespace(kinds: &[&str], name: &str) -> String {
    let ended = into_a_namespace(kinds)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env(PROGRAM_VARIABLE, program())
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
    stdout.into_owned()
}

/// Brings loopback up. For a test that [`run_in_a_namespace`] runs.
///
/// # Panics
///
/// If `ip` fails.
pub fn bring_loopback_up() {
    assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
}

/// A command that runs its arguments in new namespaces: as root, or else in a user namespace too.
fn into_a_namespace(kinds: &[&str]) -> Command {
    let ways: [&[&str]; 2] = [&[], &["--user", "--map-root-user"]];
    let mut refusals = String::new();
    for way in ways {
        let mut command = Command::new("unshare");
        match command.args(way).args(kinds).args(["ip", "link", "set", "lo", "up"]).output() {
            Ok(tried) if tried.status.success() => {
                let mut command = Command::new("unshare");
                command.args(way).args(kinds).arg("--");
                return command;
            }
            Ok(tried) => refusals += &String::from_utf8_lossy(&tried.stderr),
            Err(error) => refusals += &format!("unshare: {error}\n"),
        }
    }
    panic!(
        "no namespace can be made:\n{refusals}Install util-linux and iproute2, and run as root or allow user \
         namespaces (sysctl user.max_user_namespaces=15000, and where there are such keys kernel.unprivileged_userns_clone=1 \
         and kernel.apparmor_restrict_unprivileged_userns=0)"
    );
}
