//! `demo`: it keeps its promises and leaves nothing behind.

use std::io::{BufRead as _, BufReader};

use crate::site::{Site, TWO_VAULTS};

fn left_behind(site: &Site) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(site.path().join("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_demo_keeps_its_promises_and_leaves_nothing_behind() {
    let site = Site::new(TWO_VAULTS);
    let ended = site.run(&["demo"]).expect(0);
    assert!(ended.stdout.contains("module_unavailable"), "{ended:#?}");
    assert!(ended.stdout.contains("Every step had the expected result"), "{ended:#?}");
    assert_eq!(left_behind(&site), Vec::<std::path::PathBuf>::new());
}

#[test]
fn the_demo_is_told_to_programs_as_json() {
    let told = Site::new(TWO_VAULTS).run(&["demo", "--json"]).expect(0).json();
    assert_eq!(told["ok"], true, "{told:#}");
    assert_eq!(told["steps"][1]["tickets"], "answers", "{told:#}");
    assert_eq!(told["steps"][1]["notes"]["fails"], "module_unavailable", "{told:#}");
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() {
    let site = Site::new(TWO_VAULTS);
    let mut running = site.start(&["demo"]);
    // The first line is there once signals are listened for.
    let mut line = String::new();
    BufReader::new(running.child().stdout.take().unwrap()).read_line(&mut line).unwrap();
    running.signal(rustix::process::Signal::INT);
    // Either the signal came in time, or the demo was quicker.
    let ended = running.ended();
    assert!(matches!(ended.code, Some(0 | 1)), "{ended:#?}");
    assert_eq!(left_behind(&site), Vec::<std::path::PathBuf>::new());
}
