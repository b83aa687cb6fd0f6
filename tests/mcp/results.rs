//! The result of a call, and each error code.

use std::time::Duration;

use cofferdam_vault::ErrorKind;
use cofferdam_vault::testkit::{Calls as VaultCalls, Fault};
use serde_json::{Value, json};

use crate::server::{ServerBuilder, TOKEN};

/// The error of a result, whose text must report the same.
pub(crate) fn error(result: &Value) -> &Value {
    assert_eq!(result["isError"], json!(true), "{result}");
    let error = &result["structuredContent"]["error"];
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with(error["code"].as_str().unwrap()), "{text}");
    assert!(text.contains(error["message"].as_str().unwrap()), "{text}");
    error
}

#[track_caller]
pub(crate) fn assert_error(result: &Value, code: &str, outcome: &str, says: &str) {
    let error = error(result);
    assert_eq!((error["code"].as_str(), error["outcome"].as_str()), (Some(code), Some(outcome)), "{error}");
    assert!(error["message"].as_str().unwrap().contains(says), "{error}");
}

#[tokio::test]
async fn a_call_is_answered_with_what_the_manifest_selects() {
    let server = ServerBuilder::default().start().await;
    let result = server.call("get_item", json!({ "id": "a1" })).await;
    assert_eq!(result["isError"], json!(false));
    assert_eq!(result["structuredContent"], json!({ "result": { "id": "a1" } }));
    assert_eq!(result["content"][0]["text"], json!("{\"result\":{\"id\":\"a1\"}}"));
}

#[tokio::test]
async fn full_is_the_whole_answer_without_the_credential_that_the_service_repeats() {
    let server = ServerBuilder::default().start().await;
    let arguments = json!({ "module": "sample", "tool": "get_item", "arguments": { "id": "a1" }, "account": "work", "full": true });
    let result = server.tool("call_module_tool", arguments).await;
    assert_eq!(result["structuredContent"]["result"]["title"], json!("A pen"), "{result}");
    assert!(result["structuredContent"]["result"]["you_sent"].is_string());
    assert!(!result.to_string().contains(TOKEN), "{result}");
}

#[tokio::test]
async fn an_answer_with_secrets_is_never_given_whole() {
    let server = ServerBuilder::default().start().await;
    let call = |tool: &str, full: bool| {
        let arguments = json!({ "id": "a1" });
        json!({ "module": "sample", "tool": tool, "arguments": arguments, "account": "work", "full": full })
    };
    let result = server.tool("call_module_tool", call("get_secret_item", false)).await;
    assert_eq!(result["structuredContent"], json!({ "result": { "id": "a1" } }));
    let served = *server.parts.service.accepted.borrow();
    let result = server.tool("call_module_tool", call("get_secret_item", true)).await;
    assert_error(&result, "invalid_arguments", "not_sent", "Omit `full`");
    assert_eq!(*server.parts.service.accepted.borrow(), served, "it was sent");
    let result = server.tool("call_module_tool", call("get_changed_item", false)).await;
    assert_error(&result, "upstream_error", "rejected", "withheld");
    assert!(!result.to_string().contains("A pen"), "{result}");
}

#[tokio::test]
async fn a_read_uses_the_default_account_and_a_write_asks_which() {
    let server = ServerBuilder::default().start().await;
    let read = json!({ "module": "sample", "tool": "get_item", "arguments": { "id": "1" } });
    assert_eq!(server.tool("call_module_tool", read).await["isError"], json!(false));
    let write = json!({ "module": "sample", "tool": "add_item", "arguments": { "title": "pen" } });
    let result = server.tool("call_module_tool", write).await;
    assert_error(&result, "account_required", "not_sent", "`work`, `personal`");
    assert_eq!(*server.parts.service.accepted.borrow(), 1, "the write was sent");
}

#[tokio::test]
async fn what_is_not_there_is_named_with_what_is_near() {
    let server = ServerBuilder::default().start().await;
    let call = |module: &str, tool: &str, account: &str| json!({ "module": module, "tool": tool, "account": account, "arguments": { "id": "1" } });
    let result = server.tool("call_module_tool", call("smple", "get_item", "work")).await;
    assert_error(&result, "unknown_module", "not_sent", "Did you mean `sample`?");
    let result = server.tool("call_module_tool", call("sample", "get_itm", "work")).await;
    assert_error(&result, "unknown_tool", "not_sent", "Did you mean `get_item`");
    let result = server.tool("call_module_tool", call("sample", "get_item", "wrk")).await;
    assert_error(&result, "unknown_account", "not_sent", "It has `work`, `personal`.");
    let result = server.tool("get_module_schema", json!({ "module": "x\u{1b}[2J" })).await;
    assert_error(&result, "unknown_module", "not_sent", "x\\u{1b}[2J");
}

#[tokio::test]
async fn a_name_that_is_not_there_changes_nothing_of_the_answer_but_itself() {
    let server = ServerBuilder::default().start().await;
    for (meta_tool, key) in
        [("call_module_tool", "module"), ("get_module_schema", "module"), ("call_module_tool", "tool")]
    {
        let mut answers = Vec::new();
        for name in ["qqqqq", "zzzzz"] {
            let mut arguments = json!({ key: name });
            if meta_tool == "call_module_tool" {
                for (other, value) in [("module", "sample"), ("tool", "get_item")] {
                    if other != key {
                        arguments[other] = value.into();
                    }
                }
            }
            let text = server.tool(meta_tool, arguments).await.to_string();
            assert!(text.contains(name), "{text}");
            answers.push(text.replace(name, "NAME"));
        }
        assert_eq!(answers[0], answers[1]);
    }
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_answered_with_the_schema() {
    let server = ServerBuilder::default().start().await;
    let result = server.call("get_item", json!({ "idd": 1 })).await;
    assert_error(&result, "invalid_arguments", "not_sent", "id");
    assert_eq!(error(&result)["schema"]["required"], json!(["id"]));
    assert!(result["content"][0]["text"].as_str().unwrap().ends_with("\nArguments: id: string"), "{result}");
    let result = server.tool("call_module_tool", json!({ "module": "sample" })).await;
    assert_error(&result, "invalid_arguments", "not_sent", "`tool` is missing");
}

#[tokio::test]
async fn a_missing_credential_is_for_the_user_to_set_and_names_no_vault() {
    let server = ServerBuilder::default().start().await;
    let read =
        json!({ "module": "sample", "tool": "get_item", "arguments": { "id": "1" }, "account": "personal" });
    let result = server.tool("call_module_tool", read).await;
    assert_error(&result, "credential_missing", "not_sent", "`cofferdam secret set sample/personal token`");
    assert!(!result.to_string().contains("sample-vault"), "{result}");
}

#[tokio::test]
async fn an_unreachable_vault_makes_its_module_unavailable_and_is_not_named() {
    let server = ServerBuilder::default().start().await;
    server.parts.faults.set(VaultCalls::All, Fault::vault(ErrorKind::Misconfigured));
    let result = server.call("get_item", json!({ "id": "1" })).await;
    assert_error(&result, "module_unavailable", "not_sent", "Other modules are unaffected");
    let text = result.to_string();
    assert!(!text.contains("sample-vault") && !text.contains("memory:"), "{text}");
}

#[tokio::test]
async fn a_rotated_credential_is_read_again_within_the_same_call() {
    let server = ServerBuilder::default().start().await;
    assert_eq!(server.call("get_item", json!({ "id": "1" })).await["isError"], json!(false));
    server.parts.service.accept_only("the-next-token");
    // A change that is reported would be read before the call.
    server.parts.vault.hush_watches();
    server.parts.vault.put("sample/work", [("token", "the-next-token")]);
    let result = server.call("add_item", json!({ "title": "pen" })).await;
    assert_eq!(result["structuredContent"]["result"]["id"], json!(7), "{result}");
    assert_eq!(*server.parts.service.rejected.borrow(), 1);
}

#[tokio::test]
async fn a_credential_that_nothing_replaces_is_rejected() {
    let server = ServerBuilder::default().start().await;
    server.parts.service.accept_only("another");
    let result = server.call("get_item", json!({ "id": "1" })).await;
    assert_error(&result, "credential_rejected", "rejected", "account `work`");
    assert_eq!(*server.parts.service.rejected.borrow(), 1, "the same credential was tried again");
}

#[tokio::test]
async fn a_failing_service_is_an_upstream_error() {
    let server = ServerBuilder::default().start().await;
    let result = server.call("fail", json!({})).await;
    assert_eq!(error(&result)["code"], json!("upstream_error"));
    assert!(error(&result)["message"].as_str().unwrap().contains("on fire"), "{result}");
    assert!(error(&result)["message"].as_str().unwrap().contains("500"), "{result}");
}

/// Some hosts pass on only the text, without `outcome`.
#[tokio::test]
async fn a_write_that_may_have_happened_says_so_in_its_text() {
    let server = ServerBuilder::default().start().await;
    let write = json!({ "module": "sample", "tool": "fail_to_add", "account": "work" });
    let result = server.tool("call_module_tool", write).await;
    assert_error(&result, "upstream_error", "unknown", "on fire. The write may have succeeded");
    let read = server.call("fail", json!({})).await;
    assert!(!error(&read)["message"].as_str().unwrap().contains("may have"), "{read}");
}

#[tokio::test]
async fn an_answer_beyond_the_bound_says_how_to_get_less() {
    let server = ServerBuilder::default().start().await;
    let result = server.call("big", json!({})).await;
    assert_error(&result, "answer_too_large", "rejected", "100 KiB");
}

#[tokio::test]
async fn a_call_that_takes_too_long_ends() {
    let mut builder = ServerBuilder::default();
    builder.settings.call_timeout = Duration::from_millis(300);
    let server = builder.start().await;
    let result = server.call("wait", json!({})).await;
    assert_eq!(error(&result)["code"], json!("upstream_timeout"));
    server.parts.service.until_waiting(0).await;
}
