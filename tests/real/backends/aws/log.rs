//! What is logged at `trace`. The log belongs to the whole process, so the test runs in a process of its own.

use cofferdam_testing::moto::{Fault, MotoEnv, token};
use cofferdam_testing::runs_alone;
use cofferdam_vault::testkit::{Log, field, fields, path};
use cofferdam_vault::{Expect, ReadRequest, Stage};

#[tokio::test]
async fn no_secret_is_ever_logged() {
    if runs_alone("aws::log::no_secret_is_ever_logged") {
        return;
    }
    let log = Log::install();
    let env = MotoEnv::new().await;
    let settings = format!(
        "{}assume_role = 'arn:aws:iam::123456789012:role/cofferdam'\nsts_endpoint = '{}'\n",
        env.settings(),
        env.address
    );
    let vault = env.open_with(&settings);
    let (at, names) = (path("github/work"), [field("token")]);
    let secret = fields([("token", "canary-5f\ncanary-91")]);
    for expect in [Expect::Absent, Expect::Absent, Expect::Any] {
        let _ = vault.write(&at, &secret, expect).await;
    }
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "canary-5f\ncanary-91");
    vault.read(&at, &names, Stage::Previous).await.unwrap();
    let requests = [ReadRequest { path: at.clone(), fields: names.to_vec() }];
    assert!(vault.read_many(&requests).await.iter().all(Result::is_ok));
    vault.list(None, None).await.unwrap();
    vault.probe().await.unwrap();
    for broken in ["{\"SecretString\": \"canary", "canary", "{\"SecretString\": \"canary\"}"] {
        for status in [200, 400, 500] {
            let headers = vec![("content-type", "application/x-amz-json-1.1".to_owned())];
            env.proxy.set("*", Fault::Answer(status, headers, broken.to_owned()));
            token(&*vault, "github/work").await.unwrap_err();
            vault.write(&at, &secret, Expect::Any).await.unwrap_err();
        }
    }
    env.proxy.set("*", Fault::BreaksOff);
    token(&*vault, "github/work").await.unwrap_err();
    env.proxy.clear();
    vault.delete(&at, Expect::Any).await.unwrap();

    let logged = log.contents();
    assert!(
        logged.contains("TRACE") && logged.contains("aws_smithy_runtime"),
        "it contains the logs of the clients"
    );
    let line = logged.lines().find(|line| line.contains("canary"));
    assert_eq!(line, None, "a secret is in the log");
}
