//! Figures: what the server costs, beside what was promised.
//!
//! ```text
//! cargo run --release --example figures                     everything, in about three minutes
//! cargo run --release --example figures -- --only calls     one part of it: resolve, calls, laptop, list, many, steady
//! cargo run --release --example figures -- --long           five minutes of steady load instead of 20 seconds
//! cargo run --release --example figures -- --long --write   and the table into the README
//! ```
//!
//! Every server is a process of its own: this program again, as `cofferdam serve` or as the bare rmcp server beside it. The load is
//! Debian's `wrk`. Nothing listens beyond loopback, and all of it ends with this process. Wants Linux, and a machine that does
//! nothing else: the figures are times.
//!
//! Exit code 1: a promise was broken. 2: something could not be measured at all.

#![allow(clippy::print_stdout, clippy::print_stderr)] // it prints what it finds

#[path = "../../tests/support/fillers.rs"]
#[allow(dead_code, clippy::unwrap_used)] // the tests use more of it, and there a panic is the report
mod fillers;
mod proof;
#[path = "../shared/readme.rs"]
mod readme;
mod report;
#[path = "../../benches/world/mod.rs"]
#[allow(dead_code, clippy::unwrap_used)] // the benches use more of it, and a memory vault does not fail
mod world;

use std::process::{Command, ExitCode};

use clap::Parser;
use cofferdam::os::EndSignals;
use tokio::net::TcpListener;

use proof::{Failed, Figure, Plan, Program, Server, Service, Sites};

/// What the server costs, beside what was promised
#[derive(Debug, Parser)]
#[command(name = "figures")]
struct Args {
    /// Only this part
    #[arg(long, value_parser = ["resolve", "calls", "laptop", "list", "many", "steady"])]
    only: Option<String>,
    /// Short and once: shows that all works, and says nothing about times
    #[arg(long, conflicts_with = "long")]
    quick: bool,
    /// Five minutes of steady load instead of 20 seconds
    #[arg(long)]
    long: bool,
    /// Put the table into README.md between its markers
    #[arg(long, conflicts_with_all = ["only", "quick"])]
    write: bool,
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let ended = match (words.next().as_deref(), words.next()) {
        // The server under test is this program again, and so is the one that it is compared with.
        (Some("serve"), _) => return cofferdam::cli::main(),
        (Some("bare"), Some(service)) => bare(&service).map(|()| true),
        _ => run(&Args::parse()),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// The bare server, until it is killed.
fn bare(service: &str) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}/mcp", listener.local_addr()?);
        proof::bare::serve(listener, service).await
    })
}

fn run(args: &Args) -> Result<bool, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let plan = if args.quick { Plan::quick() } else { Plan::full(args.long, fillers::FILLERS) };
    let figures = runtime.block_on(async {
        let mut signals = EndSignals::listen()?;
        tokio::select! {
            figures = measure(args, &plan) => figures,
            // What runs is dropped, and with it every process.
            () = signals.next() => Err("interrupted; everything that was started has been ended".into()),
        }
    })?;
    println!("\n{}", report::table(&figures));
    if args.write {
        readme::write("README.md".as_ref(), "figures", &report::section(&plan, &figures))?;
    }
    Ok(figures.iter().all(|figure| figure.kept))
}

async fn measure(args: &Args, plan: &Plan) -> Result<Vec<Figure>, Failed> {
    let program = Program(std::env::current_exe()?);
    let sites = Sites::new()?;
    let wanted = |part: &str| {
        let wanted = args.only.as_deref().is_none_or(|only| only == part);
        if wanted {
            println!("{part}");
        }
        wanted
    };
    let mut figures = Vec::new();
    if wanted("resolve") {
        figures.extend(proof::resolve().await?);
    }
    let service = Service::start().await?;
    let site = sites.calls(&service.url())?;
    let ours = || Server::start(&mut program.serve(site.profile, &site.variables), &site.folder);
    if wanted("calls") {
        let mut command = Command::new(&program.0);
        let bare = Server::start(command.args(["bare", &service.url()]), &sites.folder("bare")?)?;
        figures.extend(proof::calls::measure(plan, &ours()?.at, &bare.at).await?);
    }
    if wanted("list") {
        figures.extend(proof::starts::list(&program, &sites).await?);
    }
    if wanted("many") {
        figures.extend(proof::starts::many(plan, &program, &sites).await?);
    }
    if wanted("laptop") {
        figures.extend(proof::starts::laptop(plan, &program, &sites).await?);
    }
    if wanted("steady") {
        figures.extend(proof::steady::measure(plan, &ours()?).await?);
    }
    Ok(figures)
}
