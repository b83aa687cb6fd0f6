//! Blast radius: one vault fails in every way there is, and what the others notice is measured.
//!
//! ```text
//! cargo run --release --example blast-radius                          everything, in half an hour
//! cargo run --release --example blast-radius -- --only 'black hole'   scenarios whose name has this in it
//! cargo run --release --example blast-radius -- --only many           200 vaults, of which 100 hang at once
//! cargo run --release --example blast-radius -- --write               and the table and the plot into the README
//! ```
//!
//! The servers are real (Vault, moto, toxiproxy; fetched and built once by `tests/servers`), and so is the server under test:
//! a `cofferdam serve` in a process of its own, called over `POST /mcp`. Nothing listens beyond loopback, and all of it ends with
//! this process. Wants a machine that does nothing else: the figures are times.
//!
//! Exit code 1: a promise was broken; those about time are told apart, and do not count. 2: something could not be run at all.

#![allow(clippy::print_stdout, clippy::print_stderr)] // it prints what it finds

mod plot;
mod proof;
#[path = "../shared/readme.rs"]
mod readme;
mod report;
#[path = "../../tests/support/service.rs"]
#[allow(dead_code, clippy::unwrap_used)] // the tests use more of it, and there a panic is the report
mod service;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use cofferdam::os::EndSignals;
use serde::Serialize;

use proof::many::Many;
use proof::{Failed, Outcome, Plan, Program, Scenario, World};

/// The name of the last section for `--only`.
const MANY: &str = "many";

/// One vault fails in every way there is, and what the others notice is measured
#[derive(Debug, Parser)]
#[command(name = "blast-radius")]
struct Args {
    /// Only scenarios whose name has this in it (`hashicorp × black hole, cache off`), or `many`: 200 vaults
    #[arg(long, value_name = "PATTERN")]
    only: Option<String>,
    /// Short windows and little load: shows that all works, and says nothing about times
    #[arg(long)]
    quick: bool,
    /// Write all figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the plot, blast-radius.svg, into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Put the table into README.md between its markers, and the plot into docs/
    #[arg(long, conflicts_with_all = ["only", "quick"])]
    write: bool,
}

/// Everything that was found.
#[derive(Debug, Serialize)]
struct Found {
    plan: Plan,
    outcomes: Vec<Outcome>,
    many: Vec<Many>,
    /// Scenarios that could not be run, with why.
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
        let mut signals = EndSignals::listen()?;
        tokio::select! {
            found = measure(args) => found,
            // What runs is dropped, and with it every process.
            () = signals.next() => Err("interrupted; everything that was started has been ended".into()),
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
    let wanted = |name: &str| args.only.as_deref().is_none_or(|only| name.contains(only));
    let scenarios: Vec<Scenario> =
        Scenario::all().into_iter().filter(|one| wanted(&one.to_string())).collect();
    if scenarios.is_empty() && !wanted(MANY) {
        return Err("no scenario's name has that in it; one is `hashicorp × black hole, cache off`".into());
    }
    println!("starting Vault, moto and toxiproxy");
    let mut world = World::start().await?;
    let mut further = plan.further;
    let mut found = Found { plan, outcomes: Vec::new(), many: Vec::new(), failed: Vec::new() };
    for (index, &scenario) in scenarios.iter().enumerate() {
        print!("[{:>2}/{}] ", index + 1, scenarios.len());
        match repeated(&mut world, &program, &found.plan, scenario, &mut further).await {
            Ok(outcome) => {
                println!("{}", report::line(&outcome));
                found.outcomes.push(outcome);
            }
            Err(error) => {
                println!("✘ {scenario} could not be run: {error}");
                found.failed.push(format!("{scenario}: {error}"));
            }
        }
    }
    if wanted(MANY) {
        for cache in [false, true] {
            println!("200 vaults: three minutes");
            match proof::many::run(&mut world, &program, cache).await {
                Ok(many) => {
                    println!("{}", report::many(&many));
                    found.many.push(many);
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

/// Runs a scenario once, or as often as the plan says while its ratio is over the promised one: a single pause of the
/// machine is enough for that. `further` says how many such runs are left.
async fn repeated(
    world: &mut World,
    program: &Program,
    plan: &Plan,
    scenario: Scenario,
    further: &mut usize,
) -> Result<Outcome, Failed> {
    let mut outcome = proof::scenario::run(world, program, plan, scenario).await?;
    for &runs in plan.repeats {
        let more = runs.saturating_sub(outcome.runs.len());
        if outcome.quick() || *further < more {
            break;
        }
        for _ in 0..more {
            outcome.add(proof::scenario::run(world, program, plan, scenario).await?);
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
        readme::write("README.md".as_ref(), "blast-radius", &section)?;
    }
    Ok(())
}
