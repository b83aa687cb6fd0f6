//! The suite that every backend passes, with each way in which a keychain becomes unavailable. Another program
//! stores what the suite does not write itself, and `secret-tool` removes it.

use std::path::Path;
use std::sync::Arc;

use cofferdam_testing::vault_server::unique;
use cofferdam_vault::testkit::{BackendUnderTest, exercise, exercise_settings};
use cofferdam_vault::{BackendConfig as _, BoxFuture, ErrorKind, SecretFields, SecretPath, Vault};
use cofferdam_vault_keychain::Config;

use super::fixture::{Session, json};

#[derive(Clone, Copy)]
enum Outage {
    Locked,
    DaemonKilled,
    BusKilled,
}

/// A service of its own in the keychain.
struct Service {
    session: Arc<Session>,
    name: String,
    outage: Outage,
}

impl BackendUnderTest for Service {
    fn open(&self) -> Arc<dyn Vault> {
        self.session.open(&self.name)
    }

    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()> {
        Box::pin(async {
            let schema = ("xdg:schema", "org.freedesktop.Secret.Generic");
            let attributes = [("service", self.name.as_str()), ("username", path.as_str()), schema];
            self.session.replace(&attributes, &json(fields)).await;
        })
    }

    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()> {
        Box::pin(async {
            let attributes = ["clear", "service", &self.name, "username", path.as_str()];
            assert!(self.session.secret_tool(&attributes, b"").status.success());
        })
    }

    fn take_down(&self) -> BoxFuture<'_, ErrorKind> {
        Box::pin(async {
            match self.outage {
                Outage::Locked => self.session.lock(),
                Outage::DaemonKilled => self.session.process(|service| service.kill_daemon()),
                Outage::BusKilled => self.session.process(|service| service.kill_bus()),
            }
            ErrorKind::Unavailable
        })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            match self.outage {
                Outage::Locked => self.session.unlock().await,
                Outage::DaemonKilled => self.session.process(|service| service.start_daemon().unwrap()),
                Outage::BusKilled => self.session.process(|service| {
                    service.start_bus().unwrap();
                    service.start_daemon().unwrap();
                }),
            }
        })
    }
}

async fn keeps_the_contract(outage: Outage) {
    let session = Arc::new(Session::start());
    let _watched = match outage {
        Outage::BusKilled => None,
        Outage::Locked | Outage::DaemonKilled => Some(session.watch_prompts().await),
    };
    exercise(async || Service { session: Arc::clone(&session), name: unique("case"), outage }).await;
    assert_eq!(session.prompts(), 0, "a person was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keychain_that_is_locked_now_and_then_keeps_the_contract() {
    keeps_the_contract(Outage::Locked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keychain_whose_daemon_is_restarted_keeps_the_contract() {
    keeps_the_contract(Outage::DaemonKilled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keychain_whose_bus_is_restarted_keeps_the_contract() {
    keeps_the_contract(Outage::BusKilled).await;
}

#[test]
fn the_service_parts_two_vaults() {
    let config = |text: &str| toml::from_str::<Config>(text).unwrap();
    exercise_settings(&config(""), &config("service = 'other'"));
    let on = |bus: &str| config(&format!("bus_address = 'unix:path={bus}'")).store(Path::new("/"));
    let default = config("").store(Path::new("/"));
    assert!(!on("/a").may_be(&on("/b")), "two buses have two keychains");
    assert!(on("/a").may_be(&on("/a")) && default.may_be(&on("/a")), "the default bus may be any");
}
