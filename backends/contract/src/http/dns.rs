//! Resolves the names of a vault's servers on threads of the vault.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::HostResolver;

/// reqwest's interface to the [`HostResolver`] of one vault.
pub(super) struct Resolver(pub(super) HostResolver);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.0.clone();
        Box::pin(async move { Ok(Box::new(names.resolve(name.as_str()).await?.into_iter()) as Addrs) })
    }
}
