//! A keychain is locked, its daemon and its bus end and hang, while the broker runs.

use std::sync::Arc;
use std::time::Duration;

use cofferdam::broker::{BrokerError, CompartmentPolicy, CompartmentState};
use cofferdam_servers::SecretService;
use cofferdam_vault::testkit::{fields, path};
use cofferdam_vault::{BackendConfig as _, Expect, Threads, Vault, VaultContext};
use cofferdam_vault_keychain::Config;

use crate::fixture::{DEADLINE, Fixture, cache_off, until};

const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Short, so that a hang is noticed soon.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(500);

/// Makes the keychain unavailable, or undoes that.
type Switch = fn(&mut SecretService);

/// Each way in which a keychain fails.
const OUTAGES: [(&str, Switch, Switch); 5] = [
    (
        "locked",
        |service| service.lock().unwrap(),
        |service| {
            service.kill_daemon();
            service.start_daemon().unwrap();
        },
    ),
    ("daemon killed", SecretService::kill_daemon, |service| service.start_daemon().unwrap()),
    (
        "daemon hangs",
        |service| service.suspend_daemon(true).unwrap(),
        |service| service.suspend_daemon(false).unwrap(),
    ),
    (
        "bus hangs",
        |service| service.suspend_bus(true).unwrap(),
        |service| service.suspend_bus(false).unwrap(),
    ),
    ("bus killed", SecretService::kill_bus, |service| {
        service.start_bus().unwrap();
        service.start_daemon().unwrap();
    }),
];

fn open(service: &SecretService) -> Arc<dyn Vault> {
    let config: Config = toml::from_str(&format!("bus_address = '{}'", service.address())).unwrap();
    let threads = Threads::new("laptop", 4);
    config.into_vault(VaultContext { name: "laptop".to_owned(), base_dir: "/".into(), threads, prompt: None })
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_a_keychain_the_others_serve_and_it_comes_back_by_itself() {
    let mut service = SecretService::start().unwrap_or_else(|error| panic!("{error}"));
    let vault = open(&service);
    vault.write(&path("github/work"), &fields([("token", "one")]), Expect::Any).await.unwrap();
    let policy =
        CompartmentPolicy { probe_interval: PROBE_INTERVAL, attempt_timeout: ATTEMPT_TIMEOUT, ..cache_off() };
    let fixture = Fixture::new(vault, policy, &["github"], "bearer");
    fixture.broker.start().await;
    for (outage, take_down, bring_up) in OUTAGES {
        assert_eq!(fixture.token("github").await.unwrap(), "one", "before: {outage}");
        take_down(&mut service);
        until(outage, DEADLINE, async || {
            let error = fixture.token("github").await.unwrap_err();
            assert!(matches!(error, BrokerError::Unavailable { .. }), "{outage}: {error:?}");
            fixture.others_serve().await;
            (fixture.state() == CompartmentState::Down).then_some(())
        })
        .await;
        bring_up(&mut service);
        let token = until("back", DEADLINE, async || fixture.token("github").await.ok()).await;
        assert_eq!((token.as_str(), fixture.state()), ("one", CompartmentState::Ready), "after: {outage}");
        fixture.others_serve().await;
    }
    fixture.broker.close().await;
}
