//! Blast radius: one vault fails in each of many ways, or a caller or a service takes what others need, and the effect on the
//! others is measured.
//!
//! ```text
//! cargo run --release --example blast-radius                          everything, in 40 minutes
//! cargo run --release --example blast-radius -- --only 'black hole'   scenarios whose name has this in it
//! cargo run --release --example blast-radius -- --only many           200 vaults, of which 100 hang at once
//! cargo run --release --example blast-radius -- --only 'caller'       the attacks of callers and services
//! cargo run --release --example blast-radius -- --write               writes the tables and the plot into docs/
//! ```
//!
//! The servers are real (Vault, moto, toxiproxy, GNOME Keyring, sops; fetched and built once by `tests/servers`), and so is
//! the server under test: `cofferdam serve` in a process of its own, called over `POST /mcp`. Everything listens on loopback
//! alone and ends with this process. It needs a machine that does nothing else, because the figures are times.
//!
//! Exit code 1: a promise was broken; the promise about the others' latency is reported and does not count. 2: something
//! could not be run at all.

#![allow(clippy::print_stdout)] // it prints what it finds

mod attacks;
mod plot;
mod repeats;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use cofferdam_testing::attacks::{self as attacked, Attack, AttackOutcome, AttackPlan};
use cofferdam_testing::blast_radius::many::{self, Many};
use cofferdam_testing::blast_radius::{Fixture, Outcome, Plan, Scenario, scenario};
use cofferdam_testing::{Failed, Program, page, run_example, until_interrupted};
use serde::Serialize;

use repeats::repeated;

/// What the names of the attacks begin with for `--only`.
const ATTACKS: &str = "callers and services";

/// The name of the last section for `--only`.
const MANY: &str = "many";

/// One vault fails, or a caller or a service takes what others need, and the effect on the others is measured
#[derive(Debug, Parser)]
#[command(name = "blast-radius")]
struct Args {
    /// Only scenarios whose name contains this (`hashicorp × black hole, cache off`, `callers and services × hostile
    /// request`), or `many`: 200 vaults
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
    /// Put the tables into docs/measurements.md between their marks, and the plot into docs/; with `--only 'callers and
    /// services'`, that table alone
    #[arg(long, conflicts_with = "quick")]
    write: bool,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Found {
    plan: Plan,
    outcomes: Vec<Outcome>,
    many: Vec<Many>,
    attack_plan: AttackPlan,
    attacks: Vec<AttackOutcome>,
    /// Scenarios that could not be run, and why.
    failed: Vec<String>,
}

fn main() -> ExitCode {
    run_example(|| run(&Args::parse()))
}

fn run(args: &Args) -> Result<bool, Failed> {
    if args.write && args.only.as_deref().is_some_and(|only| only != ATTACKS) {
        return Err(
            format!("`--write` replaces whole tables: omit `--only`, or use `--only '{ATTACKS}'`").into()
        );
    }
    let found = until_interrupted(measure(args))?;
    finish(args, &found)?;
    let kept = found.outcomes.iter().all(|outcome| outcome.comparison.kept())
        && found.many.iter().all(Many::kept)
        && found.attacks.iter().all(|outcome| outcome.comparison.kept());
    if !found.failed.is_empty() {
        return Err(format!("not everything could be run:\n{}", found.failed.join("\n")).into());
    }
    Ok(kept)
}

async fn measure(args: &Args) -> Result<Found, Failed> {
    let program = Program(std::env::current_exe()?);
    let selected = |name: &str| args.only.as_deref().is_none_or(|only| name.contains(only));
    let scenarios: Vec<Scenario> =
        Scenario::all().into_iter().filter(|one| selected(&one.to_string())).collect();
    let attacks: Vec<Attack> =
        Attack::ALL.into_iter().filter(|one| selected(&format!("{ATTACKS} × {one}"))).collect();
    if scenarios.is_empty() && attacks.is_empty() && !selected(MANY) {
        return Err("no scenario's name contains that; one is `hashicorp × black hole, cache off`".into());
    }
    let mut found = Found::new(args.quick);
    if !scenarios.is_empty() || selected(MANY) {
        println!("starting Vault, moto and toxiproxy");
        let mut fixture = Fixture::start().await?;
        break_vaults(&mut fixture, &program, &scenarios, &mut found).await;
        if selected(MANY) {
            hang_many(&mut fixture, &program, &mut found).await;
        }
    }
    if !attacks.is_empty() {
        println!("{ATTACKS}: starting Vault");
        attack(&attacked::Fixture::start().await?, &program, &attacks, &mut found).await;
    }
    Ok(found)
}

/// Each of `scenarios`.
async fn break_vaults(fixture: &mut Fixture, program: &Program, scenarios: &[Scenario], found: &mut Found) {
    let mut further = found.plan.further;
    for (index, &one) in scenarios.iter().enumerate() {
        print!("[{:>2}/{}] ", index + 1, scenarios.len());
        let run = async || scenario::run(fixture, program, &found.plan, one).await;
        match repeated(&found.plan, &mut further, run).await {
            Ok(outcome) => {
                println!("{}", report::line(&outcome));
                found.outcomes.push(outcome);
            }
            Err(error) => found.fail(one, &error),
        }
    }
}

/// Two hundred vaults, with the cache off and on.
async fn hang_many(fixture: &mut Fixture, program: &Program, found: &mut Found) {
    for cache in [false, true] {
        println!("200 vaults: three minutes");
        match many::run(fixture, program, cache).await {
            Ok(outcome) => {
                println!("{}", report::many(&outcome));
                found.many.push(outcome);
            }
            Err(error) => found.fail(MANY, &error),
        }
    }
}

/// Each of `attacks`.
async fn attack(fixture: &attacked::Fixture, program: &Program, attacks: &[Attack], found: &mut Found) {
    let mut further = found.plan.further;
    for (index, &one) in attacks.iter().enumerate() {
        print!("[{:>2}/{}] ", index + 1, attacks.len());
        let run = async || attacked::measure(fixture, program, &found.attack_plan, one).await;
        match repeated(&found.plan, &mut further, run).await {
            Ok(outcome) => {
                println!("{}", attacks::line(&outcome));
                found.attacks.push(outcome);
            }
            Err(error) => found.fail(one, &error),
        }
    }
}

impl Found {
    /// Nothing yet.
    fn new(quick: bool) -> Self {
        let (plan, attack_plan) = match quick {
            true => (Plan::quick(), AttackPlan::quick()),
            false => (Plan::full(), AttackPlan::full()),
        };
        let (outcomes, many, attacks, failed) = Default::default();
        Self { plan, outcomes, many, attack_plan, attacks, failed }
    }

    /// Reports what could not be run.
    fn fail(&mut self, what: impl std::fmt::Display, error: &Failed) {
        println!("✘ {what} could not be run: {error}");
        self.failed.push(format!("{what}: {error}"));
    }
}

/// The table, the plot, the figures.
fn finish(args: &Args, found: &Found) -> Result<(), Failed> {
    if !found.outcomes.is_empty() {
        println!("\n{}\n\n{}", report::table(&found.outcomes), report::times(&found.outcomes));
    }
    if !found.attacks.is_empty() {
        println!("\n{}", attacks::table(&found.attacks));
    }
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_vec_pretty(found)?)
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if let Some(folder) = &args.out {
        plot::write(&found.outcomes, folder)?;
    }
    if args.write && args.only.is_none() {
        plot::write(&found.outcomes, "docs".as_ref())?;
        let section = report::section(&found.plan, &found.outcomes, &found.many);
        page::write("docs/measurements.md".as_ref(), "blast-radius", &section)?;
    }
    if args.write {
        let section = attacks::section(&found.attack_plan, &found.attacks);
        page::write("docs/measurements.md".as_ref(), "callers-and-services", &section)?;
    }
    Ok(())
}
