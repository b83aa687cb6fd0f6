//! A cold start with AWS Secrets Manager.

use cofferdam::broker::CompartmentPolicy;
use serde_json::json;

use crate::fixture::{Fixture, text};
use cofferdam_testing::moto::MotoEnv;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_secrets_take_ten_calls_and_a_hundred_thousand_reads_none() {
    let moto = MotoEnv::new().await;
    let names: Vec<String> = (0..200).map(|n| format!("module-{n}")).collect();
    for name in &names {
        moto.put(&format!("{name}/work"), &json!({ "token": name }).to_string()).await;
    }
    let modules: Vec<&str> = names.iter().map(String::as_str).collect();
    // Ten batches may take this long with a slow moto.
    let policy = CompartmentPolicy {
        deadline: std::time::Duration::from_secs(60),
        attempt_timeout: std::time::Duration::from_secs(20),
        ..CompartmentPolicy::default()
    };
    let fixture = Fixture::new(moto.open_with(&moto.settings()), policy, &modules, "bearer");
    fixture.broker.start().await;
    let probes = moto.proxy.count("*");
    let found = fixture.broker.prefetch().await;
    assert_eq!(found.values().filter(|found| found.is_ok()).count(), 201, "and the one of `notes`");
    let batches = moto.proxy.count("BatchGetSecretValue");
    let all = moto.proxy.count("*");
    println!("cold start of 200 secrets: {probes} calls to probe, {batches} batch calls, {all} in all");
    assert_eq!((batches, all - probes), (10, 10));

    for n in 0..100_000 {
        let name = modules[n % modules.len()];
        let credential = fixture.call(name).await.unwrap();
        if n < modules.len() {
            assert_eq!(text(&credential, "token"), name);
        }
    }
    println!("100000 cached reads: {} calls", moto.proxy.count("*") - all);
    assert_eq!(moto.proxy.count("*"), all);
    fixture.broker.close().await;
}
