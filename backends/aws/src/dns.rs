//! Resolves the names of AWS's services on threads of the vault.

use std::net::SocketAddr;

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use cofferdam_vault::HostResolver;

/// The SDK's interface to the [`HostResolver`] of one vault.
#[derive(Debug, Clone)]
pub(crate) struct Resolver(pub(crate) HostResolver);

impl ResolveDns for Resolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let found = self.0.resolve(name).await.map_err(ResolveDnsError::new)?;
            Ok(found.iter().map(SocketAddr::ip).collect())
        })
    }
}
