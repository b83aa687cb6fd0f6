//! The backend `age` with the program `age`.

mod fixture;
mod interop;
