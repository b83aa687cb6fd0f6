//! The compartment as a whole, around a memory vault with scripted faults.

mod cache;
mod layers;
mod lease;
mod load;
mod prefetch;
mod recovery;
mod refetch;
mod rig;
mod watch;
