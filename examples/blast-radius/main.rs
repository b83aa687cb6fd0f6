//! Blast radius: one vault fails in each of many ways, and the effect on the others is measured.
//!
//! ```text
//! cargo run --release --example blast-radius                          everything, in half an hour
//! cargo run --release --example blast-radius -- --only 'black hole'   scenarios whose name has this in it
//! cargo run --release --example blast-radius -- --only many           200 vaults, of which 100 hang at once
//! cargo run --release --example blast-radius -- --write               writes the table and the plot into docs/
//! ```
//!
//! The servers are real (Vault, moto, toxiproxy; fetched and built once by `tests/servers`), and so is the server under test:
//! `cofferdam serve` in a process of its own, called over `POST /mcp`. Everything listens on loopback alone and ends with
//! this process. It needs a machine that does nothing else, because the figures are times.
//!
//! Exit code 1: a promise was broken; the promise about the others' latency is reported and does not count. 2: something
//! could not be run at all.

#![allow(clippy::print_stdout, clippy::print_stderr)] // it prints what it finds

mod plot;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use cofferdam::os::ShutdownSignals;
use cofferdam_testing::blast_radius::many::{self, Many};
use cofferdam_testing::blast_radius::{Fixture, Outcome, Plan, Scenario, scenario};
use cofferdam_testing::{Failed, Program, page};
use serde::Serialize;

/// The name of the last section for `--only`.
const MANY: &str = "many";

/// One vault fails in each of many ways, and the effect on the others is measured
#[derive(Debug, Parser)]
#[command(name = "blast-radius")]
struct Args {
    /// Only scenarios whose name contains this (`hashicorp × black hole, cache off`), or `many`: 200 vaults
    #[arg(long, value_name = "PATTERN")]
    only: Option<String>,
    /// Short windows and little load: shows that everything works, and proves nothing about times
    #[arg(long)]
    quick: bool,
    /// Write all figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the plot, blast-radius.svg, into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Put the table into docs/measurements.md between its marks, and the plot into docs/
    #[arg(long, conflicts_with_all = ["only", "quick"])]
    write: bool,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Found {
    plan: Plan,
    outcomes: Vec<Outcome>,
    many: Vec<Many>,
    /// Scenarios that could not be run, and why.
    failed: Vec<String>,
}

fn main() -> ExitCode {
    // The server under test is this program again.
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return cofferdam::cli::main();
    }
    let args = Args::parse();
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<bool, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let found = runtime.block_on(async {
        let mut signals = ShutdownSignals::listen()?;
        tokio::select! {
            found = measure(args) => found,
            // Dropping the future ends every process.
            () = signals.recv() => Err("interrupted; everything that was started has been ended".into()),
        }
    })?;
    finish(args, &found)?;
    let kept = found.outcomes.iter().all(Outcome::kept) && found.many.iter().all(Many::kept);
    if !found.failed.is_empty() {
        return Err(format!("not everything could be run:\n{}", found.failed.join("\n")).into());
    }
    Ok(kept)
}

async fn measure(args: &Args) -> Result<Found, Failed> {
    let plan = if args.quick { Plan::quick() } else { Plan::full() };
    let program = Program(std::env::current_exe()?);
    let selected = |name: &str| args.only.as_deref().is_none_or(|only| name.contains(only));
    let scenarios: Vec<Scenario> =
        Scenario::all().into_iter().filter(|one| selected(&one.to_string())).collect();
    if scenarios.is_empty() && !selected(MANY) {
        return Err("no scenario's name contains that; one is `hashicorp × black hole, cache off`".into());
    }
    println!("starting Vault, moto and toxiproxy");
    let mut fixture = Fixture::start().await?;
    let mut further = plan.further;
    let mut found = Found { plan, outcomes: Vec::new(), many: Vec::new(), failed: Vec::new() };
    for (index, &one) in scenarios.iter().enumerate() {
        print!("[{:>2}/{}] ", index + 1, scenarios.len());
        match repeated(&mut fixture, &program, &found.plan, one, &mut further).await {
            Ok(outcome) => {
                println!("{}", report::line(&outcome));
                found.outcomes.push(outcome);
            }
            Err(error) => {
                println!("✘ {one} could not be run: {error}");
                found.failed.push(format!("{one}: {error}"));
            }
        }
    }
    if selected(MANY) {
        for cache in [false, true] {
            println!("200 vaults: three minutes");
            match many::run(&mut fixture, &program, cache).await {
                Ok(outcome) => {
                    println!("{}", report::many(&outcome));
                    found.many.push(outcome);
                }
                Err(error) => {
                    println!("✘ {MANY} could not be run: {error}");
                    found.failed.push(format!("{MANY}: {error}"));
                }
            }
        }
    }
    Ok(found)
}

/// Runs a scenario once, and again as often as the plan says while its ratio exceeds the promised one: a single pause of the
/// machine suffices for that. `further` is the number of such runs that are left.
async fn repeated(
    fixture: &mut Fixture,
    program: &Program,
    plan: &Plan,
    one: Scenario,
    further: &mut usize,
) -> Result<Outcome, Failed> {
    let mut outcome = scenario::run(fixture, program, plan, one).await?;
    for &runs in plan.repeats {
        let more = runs.saturating_sub(outcome.runs.len());
        if outcome.quick() || *further < more {
            break;
        }
        for _ in 0..more {
            outcome.add(scenario::run(fixture, program, plan, one).await?);
            *further -= 1;
        }
    }
    Ok(outcome)
}

/// The table, the plot, the figures.
fn finish(args: &Args, found: &Found) -> Result<(), Failed> {
    if !found.outcomes.is_empty() {
        println!("\n{}\n\n{}", report::table(&found.outcomes), report::times(&found.outcomes));
    }
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_vec_pretty(found)?)
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if let Some(folder) = &args.out {
        plot::write(&found.outcomes, folder)?;
    }
    if args.write {
        plot::write(&found.outcomes, "docs".as_ref())?;
        let section = report::section(&found.plan, &found.outcomes, &found.many);
        page::write("docs/measurements.md".as_ref(), "blast-radius", &section)?;
    }
    Ok(())
}
