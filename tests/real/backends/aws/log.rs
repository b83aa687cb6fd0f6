//! What the log is told, at its most talkative. A test binary of its own: the log belongs to the whole process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // in a test a panic is the report

mod support;

use cofferdam_vault::testkit::{Log, field, fields, path};
use cofferdam_vault::{Expect, ReadRequest, Stage};
use support::{Fault, Site, token};

#[tokio::test]
async fn no_secret_is_ever_logged() {
    let log = Log::of_this_process();
    let site = Site::new().await;
    let settings = format!(
        "{}assume_role = 'arn:aws:iam::123456789012:role/cofferdam'\nsts_endpoint = '{}'\n",
        site.settings(),
        site.address
    );
    let vault = site.open_with(&settings);
    let (at, names) = (path("github/work"), [field("token")]);
    let secret = fields([("token", "canary-5f\ncanary-91")]);
    for expect in [Expect::Absent, Expect::Absent, Expect::Any] {
        let _ = vault.write(&at, &secret, expect).await;
    }
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "canary-5f\ncanary-91");
    vault.read(&at, &names, Stage::Previous).await.unwrap();
    let wanted = [ReadRequest { path: at.clone(), fields: names.to_vec() }];
    assert!(vault.read_many(&wanted).await.iter().all(Result::is_ok));
    vault.list(None, None).await.unwrap();
    vault.probe().await.unwrap();
    for broken in ["{\"SecretString\": \"canary", "canary", "{\"SecretString\": \"canary\"}"] {
        for status in [200, 400, 500] {
            let headers = vec![("content-type", "application/x-amz-json-1.1".to_owned())];
            site.front.set("*", Fault::Answer(status, headers, broken.to_owned()));
            token(&*vault, "github/work").await.unwrap_err();
            vault.write(&at, &secret, Expect::Any).await.unwrap_err();
        }
    }
    site.front.set("*", Fault::BreaksOff);
    token(&*vault, "github/work").await.unwrap_err();
    site.front.clear();
    vault.delete(&at, Expect::Any).await.unwrap();

    let told = log.text();
    assert!(told.contains("TRACE") && told.contains("aws_smithy_runtime"), "the clients' logs are in it");
    let line = told.lines().find(|line| line.contains("canary"));
    assert_eq!(line, None, "secret text is in the log");
}
