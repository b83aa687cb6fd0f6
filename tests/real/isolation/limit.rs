//! The limit under which the attacks run is the one that is shipped, and it is in force.

use std::fs;
use std::process::Command;

use cofferdam_servers::MemoryLimit;
use cofferdam_testing::attacks::MEMORY;
use cofferdam_testing::root;

#[test]
fn the_shipped_deployments_have_this_limit() {
    let mib = MEMORY / (1024 * 1024);
    for (file, line) in [
        ("docker-compose.yml", format!("mem_limit: {mib}m")),
        ("deploy/kubernetes/deployment.yaml", format!("memory: {mib}Mi")),
    ] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains(&line), "{file} has no `{line}`");
    }
}

#[test]
fn a_process_over_the_limit_is_killed_and_counted() {
    let limit = MemoryLimit::new(32 * 1024 * 1024).unwrap();
    let join = format!("echo 0 > '{}'", limit.processes().display());
    let run = |bytes: u64| {
        // `tail` keeps its input in memory until it has found a line.
        let script = format!("{join} && head --bytes={bytes} /dev/zero | tail --lines=1 > /dev/null");
        Command::new("bash").args(["-o", "pipefail", "-c", &script]).status().unwrap()
    };
    assert!(run(8 * 1024 * 1024).success());
    assert_eq!(limit.kills().unwrap(), 0);
    assert!(!run(64 * 1024 * 1024).success());
    assert!(limit.kills().unwrap() > 0);
    assert!(limit.peak().unwrap() <= 32 * 1024 * 1024);
}
