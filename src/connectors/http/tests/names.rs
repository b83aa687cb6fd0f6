//! What hanging look-ups of names cost, and whom.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, mpsc};

use axum::Router;
use axum::routing::any;
use cofferdam_vault::{HostResolver, NamesOf};
use futures_util::future::join_all;

use super::service::TestService;
use super::*;
use crate::connectors::http::trust::Trust;

/// A resolver with two threads and this look-up.
pub(super) fn resolver(
    lookup: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
) -> HostResolver {
    HostResolver::with_lookup(NamesOf::Module("svc".to_owned()), 2, lookup)
}

/// A look-up that hangs until the sender is dropped.
fn hang() -> (mpsc::Sender<()>, impl Fn(&str) -> io::Result<Vec<SocketAddr>>) {
    let (release, hang) = mpsc::channel::<()>();
    let hang = Mutex::new(hang);
    let lookup = move |_: &str| {
        let _ = hang.lock().unwrap().recv();
        Err(io::Error::new(io::ErrorKind::TimedOut, "no name server responded"))
    };
    (release, lookup)
}

#[tokio::test]
async fn a_module_whose_look_ups_hang_stops_itself_alone() {
    let (release, lookup) = hang();
    let names = resolver(lookup);
    let mut silent = write("http://silent.example", "/x");
    silent.endpoint.insecure_http = true;
    silent.service.clients = Clients::with_resolver(names.clone());
    silent.timeout = Duration::from_millis(300);

    let service = TestService::start(Router::new().fallback(any(|| async { "reached" })));
    let mut other = write("http://localhost", "/x");
    other.endpoint.base_url.set_port(Some(service.address.port())).unwrap();
    other.service.clients = Clients::with_resolver(resolver(|_| Ok(vec!["127.0.0.1:0".parse().unwrap()])));

    let hanging = join_all((0..100).map(|_| silent.call()));
    let others = async {
        for _ in 0..10 {
            assert_eq!(other.call().await.unwrap().body, json!("reached"));
        }
    };
    let (hung, ()) = tokio::join!(hanging, others);
    for failure in hung {
        let message = "Svc was not called: no time was left for this call; try again".into();
        let outcome = Outcome::NotSent;
        assert_eq!(failure.unwrap_err(), CallFailure::Timeout { message, outcome });
    }
    assert!((1..=2).contains(&names.count()), "{} threads", names.count());
    drop(release);
}

#[tokio::test]
async fn a_name_without_addresses_means_not_sent() {
    let mut fixture = write("http://gone.example", "/x");
    fixture.endpoint.insecure_http = true;
    fixture.service.clients = Clients::with_resolver(resolver(|_| Err(io::Error::other("no such host"))));
    let message = "Svc cannot be reached: its host name cannot be resolved; try again later".into();
    let failure = fixture.call().await.unwrap_err();
    assert_eq!(failure, CallFailure::Unreachable { message, outcome: Outcome::NotSent });
}

#[tokio::test]
async fn an_address_in_a_url_needs_no_look_up() {
    let (release, lookup) = hang();
    let names = resolver(lookup);
    let service = TestService::start(Router::new().fallback(any(|| async { "reached" })));
    let mut fixture = write(&service.url(), "/x");
    fixture.service.clients = Clients::with_resolver(names.clone());
    assert_eq!(fixture.call().await.unwrap().body, json!("reached"));
    assert_eq!(names.count(), 0);
    drop(release);
}

#[tokio::test]
async fn each_module_has_a_client_of_its_own_and_keeps_it() {
    let trust = Trust::new();
    let (first, second) = (Clients::new("first", 2), Clients::new("second", 2));
    for scheme in ["http", "https"] {
        let client = std::ptr::from_ref(first.client(scheme, &trust).await.unwrap());
        assert_eq!(client, std::ptr::from_ref(first.client(scheme, &trust).await.unwrap()), "{scheme}");
        second.client(scheme, &trust).await.unwrap();
    }
}
