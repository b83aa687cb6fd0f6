//! The suite that every backend passes, with the role of the backend's page.

use std::sync::Arc;

use cofferdam_testing::kubernetes_server::KubernetesServer;
use cofferdam_vault::testkit::{BackendUnderTest, exercise};
use cofferdam_vault::{BoxFuture, ErrorKind, ExposeSecret as _, SecretFields, SecretPath, Vault};
use serde_json::json;

use super::fixture::{ALL, Namespace, Route};

/// A namespace behind a proxy.
struct Behind {
    namespace: Namespace,
    route: Arc<Route>,
}

/// The name of a Secret, by the table of the backend's page. Enough for the paths of the suite.
fn name(path: &SecretPath) -> String {
    path.as_str().replace('/', ".").replace('_', "--u")
}

impl BackendUnderTest for Behind {
    fn open(&self) -> Arc<dyn Vault> {
        self.namespace.open_through(&self.route.address)
    }

    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let fields: Vec<_> =
                fields.iter().map(|(name, text)| (name.as_str(), text.expose_secret().as_bytes())).collect();
            let Namespace { server, name: namespace, .. } = &self.namespace;
            server.put(namespace, &name(path), &fields, json!({})).await;
        })
    }

    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.namespace.server.remove(&self.namespace.name, &name(path)).await })
    }

    fn take_down(&self) -> BoxFuture<'_, ErrorKind> {
        Box::pin(async {
            self.route.connect(false).await;
            ErrorKind::Unavailable
        })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.route.connect(true))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kubernetes_vault_fulfils_the_contract() {
    let server = KubernetesServer::shared().await;
    let route = Arc::new(Route::to(&server).await);
    exercise(async || Behind {
        namespace: Namespace::new(Arc::clone(&server), ALL, &[]).await,
        route: Arc::clone(&route),
    })
    .await;
}
