//! The backend `sops` with the program `sops` and age keys.

mod contract;
mod documents;
mod faults;
mod fixture;
