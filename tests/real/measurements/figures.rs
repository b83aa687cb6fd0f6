//! The example `figures` in small: every figure can be had, and what does not depend on the machine is as promised.
//!
//! It says nothing about how fast: the machine that runs it does other things too.

#![cfg(target_os = "linux")] // it reads /proc
#![allow(clippy::unwrap_used, clippy::print_stdout)] // in a test a panic is the report

#[path = "support/fillers.rs"]
#[allow(dead_code)] // the search uses more of it
mod fillers;
#[path = "../examples/figures/proof/mod.rs"]
#[allow(dead_code)] // the example uses all of it
mod proof;
#[path = "../benches/world/mod.rs"]
#[allow(dead_code)] // the benches use all of it
mod world;

use proof::{Figure, Plan, Process, Program, Server, Service, Sites};

/// What a slow machine breaks too: times, and memory, of which a debug build has more.
const OF_THE_MACHINE: [&str; 5] = ["a second", "p99", "after the start", "start with", "memory"];

#[tokio::test(flavor = "multi_thread")]
async fn every_figure_can_be_had() {
    let (program, plan) = (Program(env!("CARGO_BIN_EXE_cofferdam").into()), Plan::quick());
    let (sites, service) = (Sites::new().unwrap(), Service::start().await.unwrap());
    // The example has it in a process of its own.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bare =
        Process { mcp: format!("http://{}/mcp", listener.local_addr().unwrap()), id: std::process::id() };
    let asked = service.url();
    tokio::spawn(async move { proof::bare::serve(listener, &asked).await });
    let site = sites.calls(&service.url()).unwrap();
    let ours = Server::start(&mut program.serve(site.profile, &site.variables), &site.folder).unwrap();

    let mut figures: Vec<Figure> = proof::resolve().await.unwrap();
    figures.extend(proof::calls::measure(&plan, &ours.at, &bare).await.unwrap());
    figures.extend(proof::starts::list(&program, &sites).await.unwrap());
    figures.extend(proof::starts::many(&plan, &program, &sites).await.unwrap());
    figures.extend(proof::starts::laptop(&plan, &program, &sites).await.unwrap());
    figures.extend(proof::steady::measure(&plan, &ours).await.unwrap());

    println!("{figures:#?}");
    assert_eq!(figures.len(), 11);
    let sure = |figure: &&Figure| !OF_THE_MACHINE.iter().any(|word| figure.what.contains(word));
    let broken: Vec<&Figure> = figures.iter().filter(sure).filter(|figure| !figure.kept).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(figures.iter().all(|figure| !figure.found.contains("NaN")), "{figures:#?}");
}
