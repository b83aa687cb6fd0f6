//! The example `blast-radius` in small: a fault of each class in each vault, with the cache off.
//!
//! Asserts which modules respond, with what, and how often a vault is called while its circuit is open.

use cofferdam_testing::blast_radius::{
    Fault, Fixture, IN_TIME, Outcome, Plan, RECOVERS, Scenario, Target, scenario,
};
use cofferdam_testing::{Program, program};

/// One of each class: no server, no bytes, garbage, no permission, throttling, flapping; a file that is removed, and one that
/// hangs; a watch that breaks, and a login that expires; and whatever happens to the vaults of one machine.
const SCENARIOS: [(Target, Fault); 20] = [
    (Target::Hashicorp, Fault::StoppedAtStart),
    (Target::Hashicorp, Fault::BlackHole),
    (Target::Hashicorp, Fault::PolicyRemoved),
    (Target::Aws, Fault::Garbage),
    (Target::Aws, Fault::Throttled),
    (Target::Aws, Fault::Flapping),
    (Target::Age, Fault::Removed),
    (Target::Age, Fault::Hung),
    (Target::Keychain, Fault::Locked),
    (Target::Keychain, Fault::BusGone),
    (Target::Command, Fault::Hung),
    (Target::Command, Fault::Floods),
    (Target::Command, Fault::Forks),
    (Target::Command, Fault::ExitsOddly),
    (Target::Sops, Fault::Corrupted),
    (Target::Sops, Fault::KeyMissing),
    (Target::Kubernetes, Fault::Stopped),
    (Target::Kubernetes, Fault::Throttled),
    (Target::Kubernetes, Fault::WatchBroken),
    (Target::Kubernetes, Fault::TokenExpired),
];

/// Promises about time, which need an idle machine.
const ABOUT_TIME: [&str; 2] = [IN_TIME, RECOVERS];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_one_vault_the_others_answer_and_it_comes_back() {
    let program = Program(program().to_owned());
    let mut fixture = Fixture::start().await.unwrap();
    let mut broken = Vec::new();
    for (target, fault) in SCENARIOS {
        let one = Scenario { target, fault, cache: false };
        let outcome = scenario::run(&mut fixture, &program, &Plan::quick(), one).await;
        let outcome = outcome.unwrap_or_else(|error| panic!("{one}: {error}"));
        println!("{one}: {:#?}", outcome.comparison.promises);
        broken.extend(problems(&outcome).into_iter().map(|problem| format!("{one}: {problem}")));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

fn problems(outcome: &Outcome) -> Vec<String> {
    let promises = outcome
        .comparison
        .promises
        .iter()
        .filter(|promise| !promise.kept && !ABOUT_TIME.contains(&promise.name));
    let mut problems: Vec<String> =
        promises.map(|promise| format!("{}: {}", promise.name, promise.found)).collect();
    // The scenario waits for several intervals; the example measures how many it takes.
    if outcome.good_after.is_none() || outcome.ready_after.is_none() {
        problems.push("it does not come back".to_owned());
    }
    problems
}
