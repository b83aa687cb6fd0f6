//! Further runs of what was too slow: a single pause of the machine suffices for that.

use cofferdam_testing::Failed;
use cofferdam_testing::attacks::AttackOutcome;
use cofferdam_testing::blast_radius::{Comparison, Outcome, Plan};

/// What a run has measured.
pub(crate) trait Measured {
    fn comparison(&self) -> &Comparison;

    /// Adds another run of the same kind.
    fn add(&mut self, again: Self);
}

impl Measured for Outcome {
    fn comparison(&self) -> &Comparison {
        &self.comparison
    }

    fn add(&mut self, again: Self) {
        self.comparison.add(again.comparison);
    }
}

impl Measured for AttackOutcome {
    fn comparison(&self) -> &Comparison {
        &self.comparison
    }

    fn add(&mut self, again: Self) {
        Self::add(self, again);
    }
}

/// Runs `measure` once, and again as often as the plan says while only its ratio exceeds the promised one. `further` is the
/// number of such runs that are left.
pub(crate) async fn repeated<M: Measured>(
    plan: &Plan,
    further: &mut usize,
    mut measure: impl AsyncFnMut() -> Result<M, Failed>,
) -> Result<M, Failed> {
    let mut outcome = measure().await?;
    for &runs in plan.repeats {
        let more = runs.saturating_sub(outcome.comparison().runs.len());
        // Further runs decide on times alone.
        if outcome.comparison().quick() || !outcome.comparison().kept() || *further < more {
            break;
        }
        for _ in 0..more {
            outcome.add(measure().await?);
            *further -= 1;
        }
    }
    Ok(outcome)
}
