//! Soak: honest calls beside mixed attacks for minutes, under the memory limit of a container.
//!
//! ```text
//! cargo run --release --example soak                       ten minutes, and two for the rest
//! cargo run --release --example soak -- --minutes 60       an hour
//! cargo run --release --example soak -- --seed 7           other random numbers
//! cargo run --release --example soak -- --write            writes the figures into docs/measurements.md
//! ```
//!
//! The attackers send hostile answers and requests, hold idle and unread connections, queue calls, and cancel a third of all
//! calls at a random point. The server under test is this program again, as `cofferdam serve` in a process of its own. It
//! needs Linux, root, and a machine that does nothing else.
//!
//! Exit code 1: a promise was broken. 2: something could not be run at all.

#![allow(clippy::print_stdout)] // it prints what it finds

mod report;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cofferdam_testing::soak::{self, SoakOutcome, SoakPlan};
use cofferdam_testing::{Failed, Program, page, run_example, until_interrupted};

/// Honest calls beside mixed attacks for minutes
#[derive(Debug, Parser)]
#[command(name = "soak")]
struct Args {
    /// How long the attacks go on
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    minutes: u64,
    /// The seed of all random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Put the figures into docs/measurements.md between their marks
    #[arg(long)]
    write: bool,
}

fn main() -> ExitCode {
    run_example(|| run(&Args::parse()))
}

fn run(args: &Args) -> Result<bool, Failed> {
    let plan = SoakPlan::new(Duration::from_secs(60 * args.minutes), args.seed);
    let outcome = until_interrupted(measure(&plan))?;
    println!("\n{}", report::summary(&outcome));
    if args.write {
        page::write("docs/measurements.md".as_ref(), "soak", &report::section(&plan, &outcome))?;
    }
    Ok(outcome.kept())
}

async fn measure(plan: &SoakPlan) -> Result<SoakOutcome, Failed> {
    println!("seed {}; starting Vault", plan.seed);
    let program = Program(std::env::current_exe()?);
    soak::run(&program, plan, |size| println!("{}", report::line(size))).await
}
