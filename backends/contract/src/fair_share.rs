//! A capacity that several owners share, such that none of them can use it up.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How many times what is free one owner may hold.
///
/// One owner that takes all it can gets two thirds of the capacity, and `n` of them get `2 / (2n + 1)` each. What stays
/// free is half of what each of them has. The rule is the dynamic threshold of Choudhury and Hahne, by which the ports of
/// a packet switch share its buffer (IEEE/ACM Transactions on Networking 6(2), 1998).
const FACTOR: u64 = 2;

/// A capacity in units, such as calls or bytes, that owners of type `K` share.
///
/// An owner that holds nothing is admitted while enough units are free. One that holds some is admitted if at least half
/// of what it then holds stays free. So no owner has to be known in advance, and nothing is reserved for idle ones.
pub struct FairShare<K> {
    capacity: u64,
    holdings: Mutex<Holdings<K>>,
    /// Notified when units are given back.
    released: Notify,
}

struct Holdings<K> {
    free: u64,
    held: HashMap<K, u64>,
}

/// Why no units were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// This owner has its share; others would still be admitted.
    OwnShare,
    /// Too little is free, whoever asks.
    Exhausted,
}

/// Units that one owner holds until this is dropped.
pub struct Share<K: Eq + Hash + Clone> {
    of: Arc<FairShare<K>>,
    owner: K,
    units: u64,
}

impl<K: Eq + Hash + Clone> FairShare<K> {
    /// A capacity of so many units, all of them free.
    pub fn new(capacity: u64) -> Arc<Self> {
        let holdings = Mutex::new(Holdings { free: capacity, held: HashMap::new() });
        Arc::new(Self { capacity, holdings, released: Notify::new() })
    }

    /// The units that exist.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The units that are held by all owners together.
    pub fn used(&self) -> u64 {
        self.capacity - self.lock().free
    }

    /// The units that `owner` holds.
    pub fn held(&self, owner: &K) -> u64 {
        self.lock().held.get(owner).copied().unwrap_or(0)
    }

    /// Gives `owner` so many units, or none. Does not wait.
    ///
    /// # Errors
    ///
    /// Returns [`Refused`] if too little is free, or if `owner` would hold more than its share.
    pub fn take(self: &Arc<Self>, owner: K, units: u64) -> Result<Share<K>, Refused> {
        self.lock().take(&owner, units)?;
        Ok(Share { of: Arc::clone(self), owner, units })
    }

    /// Like [`FairShare::take`], but waits for units that others give back, in no particular order. The caller decides for
    /// how long. Never ready if there are fewer units than that.
    pub async fn take_when_free(self: &Arc<Self>, owner: K, units: u64) -> Share<K> {
        loop {
            let mut released = pin!(self.released.notified());
            released.as_mut().enable();
            if let Ok(share) = self.take(owner.clone(), units) {
                return share;
            }
            released.await;
        }
    }

    fn give_back(&self, owner: &K, units: u64) {
        self.lock().give_back(owner, units);
        self.released.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Holdings<K>> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone> Holdings<K> {
    fn take(&mut self, owner: &K, units: u64) -> Result<(), Refused> {
        let left = self.free.checked_sub(units).ok_or(Refused::Exhausted)?;
        match self.held.get_mut(owner) {
            Some(held) if held.saturating_add(units) > left.saturating_mul(FACTOR) => {
                return Err(Refused::OwnShare);
            }
            Some(held) => *held += units,
            None => {
                self.held.insert(owner.clone(), units);
            }
        }
        self.free = left;
        Ok(())
    }

    fn give_back(&mut self, owner: &K, units: u64) {
        self.free += units;
        if let Some(held) = self.held.get_mut(owner) {
            *held -= units;
            if *held == 0 {
                self.held.remove(owner);
            }
        }
    }
}

impl<K: Eq + Hash + Clone> Share<K> {
    /// Takes further units for the same owner, all or none.
    ///
    /// # Errors
    ///
    /// See [`FairShare::take`]. The units held so far are kept.
    pub fn grow(&mut self, units: u64) -> Result<(), Refused> {
        self.of.lock().take(&self.owner, units)?;
        self.units += units;
        Ok(())
    }

    /// Gives so many units back, at most all of them.
    pub fn shrink(&mut self, units: u64) {
        let units = units.min(self.units);
        self.of.give_back(&self.owner, units);
        self.units -= units;
    }
}

impl<K: Eq + Hash + Clone> Drop for Share<K> {
    fn drop(&mut self) {
        self.of.give_back(&self.owner, self.units);
    }
}

impl<K> fmt::Debug for FairShare<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FairShare").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl<K: Eq + Hash + Clone> fmt::Debug for Share<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share").field("units", &self.units).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    /// Takes single units for `owner` until it is refused.
    fn take_all(
        of: &Arc<FairShare<&'static str>>,
        owner: &'static str,
    ) -> (Vec<Share<&'static str>>, Refused) {
        let mut shares = Vec::new();
        loop {
            match of.take(owner, 1) {
                Ok(share) => shares.push(share),
                Err(refused) => return (shares, refused),
            }
        }
    }

    #[test]
    fn greedy_owners_always_leave_some_for_one_that_holds_nothing() {
        let of = FairShare::new(60);
        let (a, refused) = take_all(&of, "a");
        assert_eq!((a.len(), refused), (40, Refused::OwnShare));
        assert_eq!((of.held(&"a"), of.held(&"b")), (40, 0));
        let (b, _) = take_all(&of, "b");
        let (c, _) = take_all(&of, "c");
        assert!(!b.is_empty() && !c.is_empty(), "{} and {}", b.len(), c.len());
        assert!(of.take("d", 1).is_ok());
        drop((a, b, c));
        assert_eq!(of.used(), 0);
        assert!(of.lock().held.is_empty(), "an owner without units has no entry");
    }

    #[test]
    fn the_last_unit_goes_to_whoever_holds_nothing() {
        let of = FairShare::new(2);
        let (a, refused) = take_all(&of, "a");
        assert_eq!((a.len(), refused), (1, Refused::OwnShare));
        let b = of.take("b", 1);
        assert!(b.is_ok());
        assert_eq!(of.take("c", 1).unwrap_err(), Refused::Exhausted);
    }

    #[tokio::test]
    async fn who_waits_gets_what_others_give_back() {
        let of = FairShare::new(2);
        let (mut a, b) = (of.take("a", 1).unwrap(), of.take("b", 1).unwrap());
        let mut waiting = pin!(of.take_when_free("c", 1));
        assert!(waiting.as_mut().now_or_never().is_none());
        a.shrink(1);
        let c = waiting.await;
        let mut waiting = pin!(of.take_when_free("d", 1));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(b);
        drop((waiting.await, c));
        assert_eq!(of.used(), 0);
    }

    #[test]
    fn a_share_grows_within_the_same_bounds_and_ends_whole() {
        let of = FairShare::new(30);
        let mut share = of.take("a", 5).unwrap();
        share.grow(15).unwrap();
        assert_eq!(share.grow(1), Err(Refused::OwnShare));
        assert_eq!(of.used(), 20);
        share.shrink(5);
        share.grow(5).unwrap();
        assert_eq!(share.grow(1), Err(Refused::OwnShare));
        drop(share);
        assert_eq!(of.used(), 0);
        assert_eq!(of.take("a", 31).unwrap_err(), Refused::Exhausted);
    }
}
