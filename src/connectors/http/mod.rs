//! The `http` connector: a tool call becomes one HTTP request, and its answer something that a model can use.
//!
//! The files in reading order:
//!
//! - `service`: what a call needs to know of a module, a tool and an account
//! - `settings`, `page`, `link_header`, `rate_limit`: the `[http]` table of a manifest, checked
//! - `request`, `path`, `template`, `arguments`: the `request` of a tool, checked
//! - `connector`: a call from end to end
//! - `build`: template and arguments become a request without its credential
//! - `auth`: the credential is put on the request just before it is sent
//! - `exchange`, `destination`: the exchange with the service, and where a request may go
//! - `clients`, `resolver`, `trust`: a module's HTTP clients, their look-ups of names, and the certificates that all share
//! - `content_type`, `coding`, `charset`, `body`: what arrives, decoded within bounds
//! - `payload`, `error_response`: the answer or the error, scrubbed

mod arguments;
mod auth;
mod body;
mod build;
mod charset;
mod clients;
mod coding;
mod connector;
mod content_type;
mod destination;
mod encode;
mod error_response;
mod exchange;
mod expression;
mod headers;
mod link_header;
mod page;
mod path;
mod payload;
mod rate_limit;
mod request;
mod resolver;
mod service;
mod settings;
mod template;
mod trust;

#[cfg(test)]
mod tests;

pub use arguments::DeclaredArgument;
pub use clients::Clients;
pub use connector::HttpConnector;
pub use page::PageTable;
pub use request::{BodyFormat, RequestTable, RequestTemplate};
pub use service::{AnswerFormat, Endpoint, Operation, Service};
pub use settings::{Arrays, ErrorsTable, HttpSettings, HttpTable, LimitsTable, RateLimitTable};
