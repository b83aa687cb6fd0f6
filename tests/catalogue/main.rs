//! The catalogue: a search finds its tools, and each operation written by hand has a source. That the services accept its
//! requests is tested in `tests/real/catalogue`.

mod search;
mod sources;
