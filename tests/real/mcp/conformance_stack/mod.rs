//! The public conformance suite with a server that has its fixtures, on Cofferdam's HTTP stack: what Cofferdam does not offer
//! (prompts, resources, tools that ask back) must pass through the stack unchanged.

mod content;
mod fixture;
mod tools;

use std::sync::Arc;
use std::time::Duration;

use cofferdam_servers::{Baseline, Verdict, conformance};
use tokio_util::sync::CancellationToken;

use self::fixture::Fixture;
use cofferdam::broker::Broker;
use cofferdam::calls::Calls;
use cofferdam::connectors::http::HttpConnector;
use cofferdam::http::Server;
use cofferdam::manifest::ManifestLibrary;
use cofferdam::mcp::REVISIONS;
use cofferdam::profile::{AccessSettings, ServerSettings};
use cofferdam::registry::Registry;

/// What the fixtures cannot pass, and why.
const BASELINE: &str = include_str!("../baselines/fixtures.toml");

fn settings() -> ServerSettings {
    ServerSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        admin_listen: "127.0.0.1:0".parse().unwrap(),
        modules_dir: None,
        call_timeout: Duration::from_secs(30),
        max_calls: 100,
        max_connections: None,
        max_connections_per_peer: None,
        connection_age: Duration::from_secs(3600),
        memory_budget: 192 * 1024 * 1024,
        drain_delay: Duration::ZERO,
        shutdown_timeout: Duration::from_secs(1),
        allowed_hosts: Vec::new(),
        allowed_origins: Vec::new(),
    }
}

/// A server without modules, whose responses come from the fixtures.
async fn server(stop: CancellationToken) -> Server {
    let registry = Arc::new(Registry::load(&[], &ManifestLibrary::load(None)));
    let broker = Arc::new(Broker::new(Vec::new(), Vec::new()));
    let calls = Arc::new(Calls::new(registry, broker, HttpConnector::new(), 1));
    let access = AccessSettings::default();
    Server::bind_with_handler(Fixture::default(), &settings(), &access, calls, stop).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stack_passes_the_suite_except_for_its_baseline() {
    let shutdown = CancellationToken::new();
    let server = server(CancellationToken::new()).await;
    let url = format!("http://{}/mcp", server.address());
    let running = tokio::spawn(server.run(shutdown.clone()));
    let revisions = REVISIONS.each_ref().map(|revision| revision.as_str());
    let verdicts = tokio::task::block_in_place(|| {
        let baseline = Baseline::read(BASELINE, &revisions).unwrap();
        let suite = conformance().unwrap();
        revisions.map(|revision| baseline.judge(revision, &suite.run(&url, revision).unwrap()))
    });
    println!("{}", Verdict::table("MCP conformance: the HTTP stack with the suite's fixtures", &verdicts));
    let problems: Vec<_> = verdicts.iter().flat_map(|verdict| &verdict.problems).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    shutdown.cancel();
    running.await.unwrap();
}
