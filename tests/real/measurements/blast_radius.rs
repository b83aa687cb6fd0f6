//! A part of the example `blast-radius`, small enough for every change: a fault of each class at each vault, with the cache off.
//!
//! It asserts who answers, what, and how often a vault that was given up is asked; it says nothing about how fast: the
//! machine that runs it does other things too.

#![allow(clippy::unwrap_used, clippy::panic)] // in a test a panic is the report

#[path = "../examples/blast-radius/proof/mod.rs"]
#[allow(dead_code, unused_imports)] // the example uses all of it
mod proof;
#[path = "support/service.rs"]
#[allow(dead_code)]
mod service;

use proof::{Fault, Outcome, Plan, Program, Scenario, Target, World};

/// One of each class: no server, no bytes, no sense, no permission, no more of it; a file that is gone, and one that hangs.
const SCENARIOS: [(Target, Fault); 8] = [
    (Target::Hashicorp, Fault::StoppedAtStart),
    (Target::Hashicorp, Fault::BlackHole),
    (Target::Hashicorp, Fault::PolicyRemoved),
    (Target::Aws, Fault::Garbage),
    (Target::Aws, Fault::Throttled),
    (Target::Aws, Fault::Flapping),
    (Target::Age, Fault::Removed),
    (Target::Age, Fault::Hung),
];

/// Promises about time, which only a machine of one's own can keep.
const ABOUT_TIME: [&str; 2] = [proof::judge::IN_TIME, proof::judge::COMES_BACK];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_one_vault_the_others_answer_and_it_comes_back() {
    let program = Program(env!("CARGO_BIN_EXE_cofferdam").into());
    let mut world = World::start().await.unwrap();
    let mut broken = Vec::new();
    for (target, fault) in SCENARIOS {
        let scenario = Scenario { target, fault, cache: false };
        let outcome = proof::scenario::run(&mut world, &program, &Plan::quick(), scenario).await;
        let outcome = outcome.unwrap_or_else(|error| panic!("{scenario}: {error}"));
        println!("{scenario}: {:#?}", outcome.promises);
        broken.extend(problems(&outcome).into_iter().map(|problem| format!("{scenario}: {problem}")));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

fn problems(outcome: &Outcome) -> Vec<String> {
    let promises =
        outcome.promises.iter().filter(|promise| !promise.kept && !ABOUT_TIME.contains(&promise.name));
    let mut problems: Vec<String> =
        promises.map(|promise| format!("{}: {}", promise.name, promise.found)).collect();
    // Within several intervals at the latest: how many is the example's to measure.
    if outcome.good_after.is_none() || outcome.ready_after.is_none() {
        problems.push("it does not come back".to_owned());
    }
    problems
}
