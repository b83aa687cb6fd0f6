//! MCP's public conformance suite with the program as it ships, in every revision that it serves.
//!
//! The suite tests much that Cofferdam does not offer: prompts, resources, tools with agreed names. Each check that fails is
//! listed in `baselines/cofferdam.toml` with the reason. `conformance_stack` runs the same suite with a server that has its
//! fixtures, on the same HTTP stack.

use cofferdam::mcp::REVISIONS;
use cofferdam_servers::{Baseline, Verdict, conformance};
use cofferdam_testing::{FakeService, TestEnv};

/// What the program cannot or should not pass, and why.
const BASELINE: &str = include_str!("baselines/cofferdam.toml");

#[tokio::test(flavor = "multi_thread")]
async fn the_program_passes_the_suite_except_for_its_baseline() {
    let service = FakeService::start(&[("tickets-token", "ada"), ("notes-token", "ada")]).await;
    let env = TestEnv::with_service(&service.url(), "");
    env.set_tickets("tickets-token");
    env.set_notes("notes-token");
    let revisions = REVISIONS.each_ref().map(|revision| revision.as_str());
    let verdicts = tokio::task::block_in_place(|| {
        let baseline = Baseline::read(BASELINE, &revisions).unwrap();
        let suite = conformance().unwrap();
        let (_server, url) = env.serve(&mut cofferdam_testing::cofferdam());
        revisions.map(|revision| baseline.judge(revision, &suite.run(&url, revision).unwrap()))
    });
    println!("{}", Verdict::table("MCP conformance: cofferdam serve", &verdicts));
    let problems: Vec<_> = verdicts.iter().flat_map(|verdict| &verdict.problems).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}
