//! The Token Broker: returns the credential for a caller, a module and an account.
//!
//! [`Broker`] finds the module's vault and path. The vault's compartment reads the secret, caches it, and keeps failures of
//! the vault from affecting others. The broker depends neither on MCP and HTTP nor on a concrete store; only
//! [`backends`] names those.

pub mod backends;
mod binding;
mod compartment;
mod credential;
mod dispatch;
mod error;
mod status;
mod template;
#[cfg(test)]
mod tests;

pub use self::binding::ModuleBinding;
pub use self::compartment::{BreakerPolicy, CompartmentPolicy, CompartmentState};
#[cfg(test)]
pub(crate) use self::credential::Derived;
pub(crate) use self::credential::FieldDefect;
pub use self::credential::{Credential, CredentialSpec, CredentialTemplate};
pub use self::dispatch::{Broker, VaultParts};
pub use self::error::BrokerError;
pub use self::status::VaultStatus;
pub use self::template::{AccountPath, InvalidTemplate, PathTemplate, UserPath};
