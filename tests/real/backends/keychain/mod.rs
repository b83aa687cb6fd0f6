//! The backend `keychain` with GNOME Keyring on a bus of its own, and with a scripted daemon.

mod contract;
mod daemon;
mod fixture;
mod interop;
mod log;
mod outage;
mod refusals;
