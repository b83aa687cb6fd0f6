//! Whether the role may read secrets of others, found out without reading any.

use cofferdam_config::{Diagnostic, Diagnostics, Severity};
use cofferdam_testing::moto::{Fault, MotoEnv};
use cofferdam_vault::Vault;
use cofferdam_vault::testkit::path;
use serde_json::json;

const ELSEWHERE: &str = "other/notes/work";

async fn diagnose(vault: &dyn Vault) -> Vec<Diagnostic> {
    let mut found = Diagnostics::new();
    vault.diagnose(&[path("github/work")], &[ELSEWHERE.to_owned()], &mut found).await;
    assert!(!format!("{found:?}").contains("canary"), "{found:?}");
    found.into_iter().collect()
}

#[tokio::test]
async fn a_role_that_reaches_other_secrets_is_reported_and_one_that_does_not_is_good() {
    let env = MotoEnv::new().await;
    env.put("github/work", &json!({ "token": "canary" }).to_string()).await;
    let vault = env.open_with(&env.settings());
    // moto refuses nothing, like a role with every permission.
    let wide = diagnose(&*vault).await;
    let role = |found: &[Diagnostic]| -> Vec<Diagnostic> {
        found.iter().filter(|found| found.message.contains("the role")).cloned().collect()
    };
    let bad = role(&wide);
    assert!(
        bad.len() == 1 && bad[0].severity == Severity::Error && bad[0].message.contains("and 1 more"),
        "{wide:?}"
    );

    env.proxy.set("GetSecretValue", Fault::code(400, "AccessDeniedException"));
    let narrow = diagnose(&*vault).await;
    assert!(role(&narrow).iter().all(|found| found.severity == Severity::Info), "{narrow:?}");
    assert!(narrow.iter().any(|found| found.message.contains("may not read beyond")), "{narrow:?}");

    // Without a response, there is no finding.
    env.proxy.set("GetSecretValue", Fault::Dead);
    let unknown = diagnose(&*vault).await;
    assert_eq!(role(&unknown), [], "{unknown:?}");
}
