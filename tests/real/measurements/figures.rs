//! The example `figures` in small: every figure can be measured, and what does not depend on the machine is as promised.

use cofferdam_testing::figures::{
    Environments, Figure, IssueService, Plan, Process, Server, bare, calls, resolve, starts, steady,
};
use cofferdam_testing::{Program, program};

/// Figures that depend on the machine: times, and memory, which a debug build needs more of.
const OF_THE_MACHINE: [&str; 5] = ["a second", "p99", "after the start", "start with", "memory"];

#[tokio::test(flavor = "multi_thread")]
async fn every_figure_can_be_measured() {
    let (program, plan) = (Program(program().to_owned()), Plan::quick());
    let (environments, service) = (Environments::new().unwrap(), IssueService::start().await.unwrap());
    // The example runs it in a process of its own.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other =
        Process { mcp: format!("http://{}/mcp", listener.local_addr().unwrap()), id: std::process::id() };
    let asked = service.url();
    tokio::spawn(async move { bare::serve(listener, &asked).await });
    let environment = environments.calls(&service.url()).unwrap();
    let ours = Server::start(&mut environment.serve(&program), &environment.folder).unwrap();

    let mut figures: Vec<Figure> = resolve().await.unwrap();
    figures.extend(calls::measure(&plan, &ours.process, &other).await.unwrap());
    figures.extend(starts::list(&program, &environments).await.unwrap());
    figures.extend(starts::many(&plan, &program, &environments).await.unwrap());
    figures.extend(starts::laptop(&plan, &program, &environments).await.unwrap());
    figures.extend(steady::measure(&plan, &ours).await.unwrap());

    println!("{figures:#?}");
    assert_eq!(figures.len(), 11);
    let sure = |figure: &&Figure| !OF_THE_MACHINE.iter().any(|word| figure.what.contains(word));
    let broken: Vec<&Figure> = figures.iter().filter(sure).filter(|figure| !figure.kept).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(figures.iter().all(|figure| !figure.found.contains("NaN")), "{figures:#?}");
}
