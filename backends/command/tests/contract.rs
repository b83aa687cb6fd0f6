//! The contract suite on a store with a shell script as its command line.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // in a test a panic is the report

mod support;

use cofferdam_vault::BackendConfig as _;
use cofferdam_vault::testkit::{exercise, exercise_settings, field, path};
use cofferdam_vault_command::Config;
use support::{Kind, Store};

#[test]
fn the_command_parts_two_vaults() {
    let config = |read: &str| toml::from_str::<Config>(&format!("read = [{read}]")).ok().unwrap();
    exercise_settings(&config("'pass', 'show', 'a/{path}'"), &config("'pass', 'show', 'b/{path}'"));
    exercise_settings(&config("'op', 'a/{path}/{field}'"), &config("'op', 'b/{path}/{field}'"));
    let names = |read: &str, at: &str| config(read).names("/".as_ref(), &path(at), &[field("token")]);
    assert_eq!(names("'op', 'read', '{path}/{field}'", "a/b"), ["op read a/b/token"]);
    let joined = "'x', '{module}-{account}'";
    assert_eq!(names(joined, "a-b/c"), names(joined, "a/b-c"), "one secret under two paths is recognised");
}

#[tokio::test]
async fn a_store_of_objects_fulfils_the_contract() {
    exercise(async || Store::new(Kind::Objects)).await;
}

#[tokio::test]
async fn a_read_only_store_of_objects_fulfils_the_contract() {
    exercise(async || Store::new(Kind::ReadOnly)).await;
}

#[tokio::test]
async fn a_store_of_values_fulfils_the_contract() {
    exercise(async || Store::new(Kind::Values)).await;
}
