//! The backend `aws` with moto.

mod batch_read;
mod contract;
mod diagnose;
mod faults;
mod log;
mod login;
mod writers;
