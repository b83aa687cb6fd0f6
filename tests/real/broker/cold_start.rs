//! A cold start before AWS Secrets Manager.

use cofferdam::broker::Walls;
use serde_json::json;

use crate::cloud::Site;
use crate::world::{World, text};

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_secrets_take_ten_calls_and_a_hundred_thousand_reads_none() {
    let site = Site::new().await;
    let names: Vec<String> = (0..200).map(|n| format!("module-{n}")).collect();
    for name in &names {
        site.put(&format!("{name}/work"), &json!({ "token": name }).to_string()).await;
    }
    let modules: Vec<&str> = names.iter().map(String::as_str).collect();
    // As long as ten batches may take before a slow moto.
    let walls = Walls {
        deadline: std::time::Duration::from_secs(60),
        attempt_timeout: std::time::Duration::from_secs(20),
        ..Walls::default()
    };
    let world = World::new(site.open_with(&site.settings()), walls, &modules, "bearer");
    world.broker.start().await;
    let probes = site.front.count("*");
    let found = world.broker.warm_up().await;
    assert_eq!(found.values().filter(|found| found.is_ok()).count(), 201, "and the one of `notes`");
    let batches = site.front.count("BatchGetSecretValue");
    let all = site.front.count("*");
    println!("cold start of 200 secrets: {probes} calls to probe, {batches} batch calls, {all} in all");
    assert_eq!((batches, all - probes), (10, 10));

    for n in 0..100_000 {
        let name = modules[n % modules.len()];
        let credential = world.call(name).await.unwrap();
        if n < modules.len() {
            assert_eq!(text(&credential, "token"), name);
        }
    }
    println!("100000 cached reads: {} calls", site.front.count("*") - all);
    assert_eq!(site.front.count("*"), all);
    world.broker.close().await;
}
