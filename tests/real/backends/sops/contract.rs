//! The contract suite on documents that `sops` encrypts.

use cofferdam_vault::testkit::{exercise, exercise_settings};
use cofferdam_vault_sops::Config;

use super::fixture::Documents;

#[test]
fn the_file_parts_two_vaults() {
    let config = |file: &str| {
        let settings = format!("file = '{file}'\nage_key_file = 'key.txt'");
        toml::from_str::<Config>(&settings).ok().unwrap()
    };
    exercise_settings(&config("a.yaml"), &config("b.yaml"));
    exercise_settings(&config("a.env"), &config("b.env"));
}

#[tokio::test]
async fn a_yaml_document_fulfils_the_contract() {
    exercise(async || Documents::empty("secrets.enc.yaml")).await;
}
