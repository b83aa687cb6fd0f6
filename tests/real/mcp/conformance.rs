//! MCP's public conformance suite before the program as it ships, in every revision that it serves.
//!
//! The suite asks for much that Cofferdam does not offer: prompts, resources, tools of agreed names. Each check that does not
//! pass stands in `conformance/cofferdam.toml` with the reason. The same suite before a server that has its fixtures, on
//! the same HTTP stack, is in `src/http/tests/conformance/`.

#![allow(clippy::panic, clippy::unwrap_used)] // helpers of tests: there a panic is the report

mod support;

use cofferdam::mcp::REVISIONS;
use cofferdam_servers::{Baseline, Verdict, conformance};
use support::{Service, Site};

/// What the program cannot or should not pass, and why.
const BASELINE: &str = include_str!("conformance/cofferdam.toml");

#[tokio::test(flavor = "multi_thread")]
async fn the_program_passes_the_suite_but_for_its_baseline() {
    let service = Service::start(&[("tickets-token", "ada"), ("notes-token", "ada")]).await;
    let site = Site::new(&service.url(), "");
    site.set_tickets("tickets-token");
    site.set_notes("notes-token");
    let revisions = REVISIONS.each_ref().map(|revision| revision.as_str());
    let verdicts = tokio::task::block_in_place(|| {
        let baseline = Baseline::read(BASELINE, &revisions).unwrap();
        let suite = conformance().unwrap();
        let (_server, url) = site.serve(&mut support::cofferdam());
        revisions.map(|revision| baseline.judge(revision, &suite.run(&url, revision).unwrap()))
    });
    println!("{}", Verdict::table("MCP conformance: cofferdam serve", &verdicts));
    let problems: Vec<_> = verdicts.iter().flat_map(|verdict| &verdict.problems).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}
