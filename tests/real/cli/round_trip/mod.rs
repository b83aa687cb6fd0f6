//! `secret copy` through every kind of store and back: nothing is lost, and no value changes.

mod secrets;
mod stores;

use std::collections::BTreeMap;

use cofferdam_testing::CommandOutput;
use serde_json::Value;

use crate::fixture::count;
use secrets::Secrets;
use stores::{Cluster, Stores};

/// The read-only stores. Each is copied to the first of [`CHAIN`].
const SOURCES: [&str; 2] = ["variables", "mounted"];

/// The stores that can be written, in the order in which the secrets pass through them. `stores.rs` has their settings.
const CHAIN: [&str; 8] = ["laptop", "documents", "cluster", "passwords", "files", "hashi", "cloud", "back"];

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_through_every_kind_of_store_and_back_changes_nothing() {
    let (variables, mounted) = (secrets::in_variables(), secrets::in_files());
    let cluster = Cluster::start().await;
    let stores = tokio::task::block_in_place(|| Stores::start(&variables, &mounted, cluster));
    for (source, secrets) in SOURCES.iter().zip([&variables, &mounted]) {
        copy(&stores, source, CHAIN[0], secrets.len());
    }
    let all: Secrets = variables.into_iter().chain(mounted).collect();
    for hop in CHAIN.windows(2) {
        copy(&stores, hop[0], hop[1], all.len());
    }
    for (path, fields) in &all {
        let mut found: BTreeMap<String, String> =
            serde_json::from_slice(&stores.lookup_in_back(path)).unwrap();
        // Made by the store.
        found.remove("cofferdam:salt").unwrap();
        for (name, value) in fields {
            assert_eq!(found.remove(name).as_ref(), Some(value), "{name} of {path}");
        }
        assert!(found.is_empty(), "{path} has more fields: {:?}", found.keys());
    }
}

/// Copies `secrets` secrets, all of them, and a second time none.
fn copy(stores: &Stores, from: &str, to: &str, secrets: usize) {
    for state in ["copied", "equal"] {
        let output: CommandOutput = stores.copy(from, to).into();
        let document: Value = output.expect(0).json();
        assert_eq!(count(&document, state), secrets, "{from} to {to}: {document:#}");
        assert_eq!(document["secrets"].as_array().unwrap().len(), secrets, "{from} to {to}: {document:#}");
    }
}
