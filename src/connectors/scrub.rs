//! Removes the credentials in use from what a service answers, encoded forms too.

/// Knows the credentials of one call, and removes them.
#[derive(Debug)]
pub struct Scrubber {}
