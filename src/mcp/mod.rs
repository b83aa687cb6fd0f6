//! MCP over rmcp: two meta-tools, which give a model access to any number of modules.
//!
//! [`Handler`] serves both transports. Over HTTP, middleware puts the [`Caller`](crate::caller::Caller) into the extensions
//! of each request; on stdio the whole process has one caller. Nothing here depends on how a caller was identified.
//!
//! A client cancels a call with `notifications/cancelled` on stdio, and by closing the request over HTTP. Without sessions a
//! separate notification cannot identify the request: two clients may use the same request ID.
//!
//! A call that is not quite what the meta-tools ask for is repaired if nothing is lost or guessed: `arguments` and
//! `own_names` find the parts of a call, and [`repair`](crate::calls::repair) the call that they can only mean.
//!
//! The failure of a tool is a tool result with `isError`, which the model reads. Hosts hide protocol errors from the model,
//! so these only report an invalid request.

mod arguments;
mod direct;
mod framing;
mod handler;
mod large;
mod listing;
pub(crate) mod malformed;
mod outline;
mod oversized;
mod own_names;
mod params;
mod pending;
mod protocol;
mod results;
mod schema;
mod signature;
mod stdio;
mod tools;

pub(crate) use direct::PlainCall;
pub use handler::Handler;
pub(crate) use large::{LARGE_BYTES, MAX_REQUEST_NODES, RequestMemory, RequestReservation};
pub use protocol::REVISIONS;
pub(crate) use protocol::{MAX_REQUEST_BYTES, is_stateless};
pub use stdio::{serve_lines, serve_stdio};
