//! `demo`: it keeps its promises and leaves nothing behind.

use std::io::{BufRead as _, BufReader};

use cofferdam_testing::{TWO_VAULTS, TestEnv};

fn left_behind(env: &TestEnv) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(env.path("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_demo_keeps_its_promises_and_leaves_nothing_behind() {
    let env = TestEnv::new(TWO_VAULTS);
    let output = env.run(&["demo"]).expect(0);
    assert!(output.stdout.contains("module_unavailable"), "{output:#?}");
    assert!(output.stdout.contains("Every step had the expected result"), "{output:#?}");
    assert_eq!(left_behind(&env), Vec::<std::path::PathBuf>::new());
}

#[test]
fn the_demo_is_reported_to_programs_as_json() {
    let report = TestEnv::new(TWO_VAULTS).run(&["demo", "--json"]).expect(0).json();
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["steps"][1]["tickets"], "answers", "{report:#}");
    assert_eq!(report["steps"][1]["notes"]["fails"], "module_unavailable", "{report:#}");
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() {
    let env = TestEnv::new(TWO_VAULTS);
    let mut running = env.start(&["demo"]);
    // It handles signals once it has printed the first line.
    let mut line = String::new();
    BufReader::new(running.child().stdout.take().unwrap()).read_line(&mut line).unwrap();
    running.signal(rustix::process::Signal::INT);
    // The demo may have ended before the signal.
    let output = running.wait();
    assert!(matches!(output.code, Some(0 | 1)), "{output:#?}");
    assert_eq!(left_behind(&env), Vec::<std::path::PathBuf>::new());
}
