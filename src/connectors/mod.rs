//! How a module's tool reaches its service.

pub mod http;
mod scrub;

pub use scrub::Scrubber;
