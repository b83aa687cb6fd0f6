//! HTTP for stores that are servers: one attempt per request, and nothing that the settings do not name.
//!
//! An [`HttpClient`] sends a [`Request`] and returns a [`Response`] of any status, or a [`VaultError`](crate::VaultError).
//! It
//!
//! - connects by the settings alone ([`HttpSettings`]): no proxy of the environment unless asked, and no redirect but to a
//!   listed address, because the login is sent there;
//! - resolves names on threads of the vault ([`VaultContext::host_resolver`](crate::VaultContext::host_resolver)), and
//!   reads certificates on the vault's other threads, again after a failed connection;
//! - reads at most as much of a response as the request allows, or of one line, if it is read as it arrives
//!   ([`HttpClient::open`]);
//! - has no timeout and no retries: the compartment drops the call.
//!
//! A store that is asked with a token from a file needs a [`TokenClient`] only. One that is asked with access tokens from
//! another server, as those of the clouds are, needs a [`Login`] and a [`LoginClient`]. [`from_status`] and [`malformed`] turn what
//! every server may return into an error; what a status means for a secret is for the backend to say.

mod access_token;
mod address;
mod certificates;
mod client;
mod dns;
mod error;
mod header;
mod jwt;
mod lines;
mod login_client;
mod message;
mod pem;
mod token_cache;
mod token_client;
mod token_file;
mod transport;

pub use access_token::{AccessToken, refused_login, request_access_token};
pub use address::Address;
pub use certificates::{diagnose_certificate, diagnose_certificate_files};
pub use client::{HttpClient, HttpSettings};
pub use error::{from_status, malformed};
pub use header::SecretHeader;
pub use jwt::{InvalidKey, JwtAlgorithm, certificate_thumbprint, sign_jwt};
pub use lines::LineReader;
pub use login_client::{Login, LoginClient};
pub use message::{InvalidBody, Request, Response, parse};
pub use pem::Pem;
pub use token_client::{ServerKeys, TokenClient};
pub use token_file::{NotAJwt, TokenFile, rate_token, token_expiry};
pub use transport::TlsFiles;

/// The types of requests and responses.
pub use http::{HeaderMap, HeaderValue, Method, StatusCode, header as headers};
