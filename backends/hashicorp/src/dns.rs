//! Resolves the names of a vault's servers on threads of the vault.

use cofferdam_vault::HostResolver;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// reqwest's interface to the [`HostResolver`] of one vault.
pub(crate) struct Resolver(pub(crate) HostResolver);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.0.clone();
        Box::pin(async move { Ok(Box::new(names.resolve(name.as_str()).await?.into_iter()) as Addrs) })
    }
}
