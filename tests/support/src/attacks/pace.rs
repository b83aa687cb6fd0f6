//! How fast the attackers of an attack act, and how regularly.

use std::time::Duration;

/// The pace of an attack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The pause of an attacker before its next action.
    pub(crate) pause: Duration,
    /// With a seed, pauses take from zero to twice as long, and a third of all calls are cancelled at a random point.
    /// Without one, all pauses are equal and no call is cancelled.
    pub(crate) seed: Option<u64>,
}

/// The latest point at which a call is cancelled.
const LATEST_CANCELLATION: Duration = Duration::from_secs(2);

/// The pace of one attacker.
#[derive(Debug)]
pub(super) struct Rhythm {
    pause: Duration,
    random: Option<fastrand::Rng>,
}

impl Pace {
    /// The pace of the attacker at `index`. Each has its own sequence of random numbers.
    pub(super) fn rhythm(self, index: usize) -> Rhythm {
        let random = self.seed.map(|seed| fastrand::Rng::with_seed(seed.wrapping_add(index as u64)));
        Rhythm { pause: self.pause, random }
    }
}

impl Rhythm {
    /// Pauses.
    pub(super) async fn pause(&mut self) {
        let pause = match &mut self.random {
            Some(random) => self.pause.mul_f64(2.0 * random.f64()),
            None => self.pause,
        };
        tokio::time::sleep(pause).await;
    }

    /// After which time to cancel the next call. `None`: not at all.
    pub(super) fn cancellation(&mut self) -> Option<Duration> {
        let random = self.random.as_mut()?;
        (random.u8(..3) == 0).then(|| LATEST_CANCELLATION.mul_f64(random.f64()))
    }
}
