//! Figures: what the server costs, compared to what is promised.
//!
//! ```text
//! cargo run --release --example figures                     everything, in about three minutes
//! cargo run --release --example figures -- --only calls     one part of it: resolve, calls, laptop, list, many, steady
//! cargo run --release --example figures -- --long           five minutes of steady load instead of 20 seconds
//! cargo run --release --example figures -- --long --write   writes the table into docs/measurements.md
//! ```
//!
//! Every server is a process of its own: this program again, as `cofferdam serve` or as the bare rmcp server. The load is
//! Debian's `wrk`. Everything listens on loopback alone and ends with this process. It needs Linux, and a machine that does
//! nothing else, because the figures are times.
//!
//! Exit code 1: a promise was broken. 2: something could not be measured at all.

#![allow(clippy::print_stdout)] // it prints what it finds

mod report;

use std::process::{Command, ExitCode};

use clap::Parser;
use cofferdam_testing::figures::{
    Environments, Figure, IssueService, Plan, Server, bare, calls, resolve, starts, steady,
};
use cofferdam_testing::{Failed, Program, generated_modules, page, run_example, until_interrupted};
use tokio::net::TcpListener;

/// What the server costs, compared to what is promised
#[derive(Debug, Parser)]
#[command(name = "figures")]
struct Args {
    /// Only this part
    #[arg(long, value_parser = ["resolve", "calls", "laptop", "list", "many", "steady"])]
    only: Option<String>,
    /// Short and once: shows that everything works, and proves nothing about times
    #[arg(long, conflicts_with = "long")]
    quick: bool,
    /// Five minutes of steady load instead of 20 seconds
    #[arg(long)]
    long: bool,
    /// Put the table into docs/measurements.md between its marks
    #[arg(long, conflicts_with_all = ["only", "quick"])]
    write: bool,
}

fn main() -> ExitCode {
    run_example(|| {
        let mut words = std::env::args().skip(1);
        match (words.next().as_deref(), words.next()) {
            // The server that the one under test is compared with is this program, too.
            (Some("bare"), Some(service)) => run_bare(&service).map(|()| true),
            _ => run(&Args::parse()),
        }
    })
}

/// The bare server, until it is killed.
fn run_bare(service: &str) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}/mcp", listener.local_addr()?);
        bare::serve(listener, service).await
    })
}

fn run(args: &Args) -> Result<bool, Failed> {
    let plan = if args.quick { Plan::quick() } else { Plan::full(args.long, generated_modules::MODULES) };
    let figures = until_interrupted(measure(args, &plan))?;
    println!("\n{}", report::table(&figures));
    if args.write {
        page::write("docs/measurements.md".as_ref(), "figures", &report::section(&plan, &figures))?;
    }
    Ok(figures.iter().all(|figure| figure.kept))
}

async fn measure(args: &Args, plan: &Plan) -> Result<Vec<Figure>, Failed> {
    let program = Program(std::env::current_exe()?);
    let environments = Environments::new()?;
    let selected = |part: &str| {
        let selected = args.only.as_deref().is_none_or(|only| only == part);
        if selected {
            println!("{part}");
        }
        selected
    };
    let mut figures = Vec::new();
    if selected("resolve") {
        figures.extend(resolve().await?);
    }
    let service = IssueService::start().await?;
    let environment = environments.calls(&service.url())?;
    let ours = || Server::start(&mut environment.serve(&program), &environment.folder);
    if selected("calls") {
        let mut command = Command::new(&program.0);
        let other = Server::start(command.args(["bare", &service.url()]), &environments.folder("bare")?)?;
        figures.extend(calls::measure(plan, &ours()?.process, &other.process).await?);
    }
    if selected("list") {
        figures.extend(starts::list(&program, &environments).await?);
    }
    if selected("many") {
        figures.extend(starts::many(plan, &program, &environments).await?);
    }
    if selected("laptop") {
        figures.extend(starts::laptop(plan, &program, &environments).await?);
    }
    if selected("steady") {
        figures.extend(steady::measure(plan, &ours()?).await?);
    }
    Ok(figures)
}
