//! Credentials: the secret of an account, and how it is applied to a request.

mod defect;
mod derived;
mod lease_guard;
mod secret;
mod spec;
mod template;

pub(crate) use self::defect::FieldDefect;
pub(crate) use self::derived::Derived;
pub(crate) use self::lease_guard::{LeaseGuard, LeaseOwner};
pub use self::secret::Credential;
pub use self::spec::CredentialSpec;
pub use self::template::CredentialTemplate;
