mod access;
mod contract;
mod fixture;
mod log;
mod secrets;
mod watch;
