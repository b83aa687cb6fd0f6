//! The meta-tools end to end: real clients, a real server, vaults in memory and a service on loopback.

mod answers;
mod clients;
mod ends;
mod guards;
mod harness;
mod health;
mod stdio;
