//! The backend `command` with real programs.

mod fixture;
mod gopass;
mod pass;
