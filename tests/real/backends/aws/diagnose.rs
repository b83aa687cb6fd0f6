//! May our role read what is not ours? Asked without reading anything.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // in a test a panic is the report

mod support;

use cofferdam_vault::testkit::path;
use cofferdam_vault::{Finding, Level, Vault};
use serde_json::json;
use support::{Fault, Site};

const ELSEWHERE: &str = "other/notes/work";

async fn look(vault: &dyn Vault) -> Vec<Finding> {
    let mut found = Vec::new();
    vault.examine(&[path("github/work")], &[ELSEWHERE.to_owned()], &mut found).await;
    assert!(!format!("{found:?}").contains("canary"), "{found:?}");
    found
}

#[tokio::test]
async fn a_role_that_reaches_other_secrets_is_told_and_one_that_does_not_is_good() {
    let site = Site::new().await;
    site.put("github/work", &json!({ "token": "canary" }).to_string()).await;
    let vault = site.open_with(&site.settings());
    // moto refuses nothing, as a role with every permission.
    let wide = look(&*vault).await;
    let role = |found: &[Finding]| -> Vec<Finding> {
        found.iter().filter(|found| found.what.contains("our role")).cloned().collect()
    };
    let bad = role(&wide);
    assert!(bad.len() == 1 && bad[0].level == Level::Bad && bad[0].what.contains("and 1 more"), "{wide:?}");

    site.front.set("GetSecretValue", Fault::code(400, "AccessDeniedException"));
    let narrow = look(&*vault).await;
    assert!(role(&narrow).iter().all(|found| found.level == Level::Good), "{narrow:?}");
    assert!(narrow.iter().any(|found| found.what.contains("may not read beyond")), "{narrow:?}");

    // No answer is none: neither good nor bad.
    site.front.set("GetSecretValue", Fault::Dead);
    let unknown = look(&*vault).await;
    assert_eq!(role(&unknown), [], "{unknown:?}");
}
