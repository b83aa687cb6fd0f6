//! Attacks on what all modules and callers share in one process, and what they cost the others.
//!
//! The server under attack is `cofferdam serve` in a process of its own, on two processors and under the memory limit of the
//! shipped deployments. Three honest modules, on vaults of their own, are called meanwhile. Tests judge whether the honest
//! calls succeed, the example `blast-radius` judges their times, and the example `soak` mixes the attacks for minutes.
//!
//! ```no_run
//! # async fn attack() -> Result<(), cofferdam_testing::Failed> {
//! use cofferdam_testing::attacks::{Attack, AttackPlan, Fixture, measure};
//! use cofferdam_testing::{Program, program};
//!
//! let fixture = Fixture::start().await?;
//! let program = Program(program().to_owned());
//! let outcome = measure(&fixture, &program, &AttackPlan::quick(), Attack::HostileRequest).await?;
//! assert!(outcome.comparison.kept(), "{:#?}", outcome.comparison.promises);
//! # Ok(())
//! # }
//! ```

mod attack;
mod attackers;
mod confinement;
mod fixture;
mod health;
mod hostile_answer;
mod hostile_client;
mod hostile_request;
mod hostile_service;
mod idle_connections;
mod modules;
mod name_server;
mod ongoing;
mod outcome;
mod pace;
mod plan;
mod queued_calls;
mod silent_names;
mod unread_connections;
mod vault_proxy;

pub use attack::Attack;
pub use confinement::MEMORY;
pub use fixture::Fixture;
pub use health::Health;
pub use outcome::{AttackOutcome, measure};
pub use plan::AttackPlan;

pub(crate) use fixture::{AttackedServer, Conditions};
pub(crate) use health::HealthPoller;
pub(crate) use modules::{HONEST, honest_names};
pub(crate) use ongoing::Ongoing;
pub(crate) use pace::Pace;

use crate::{Failed, Program};
