//! Slips of models and hosts, as `tests/fixtures/slips/slips.toml` has them: what is repaired, and what is only proposed.

use std::fmt::Write as _;

use cofferdam::caller::Caller;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::canned::{CannedService, Sent};
use crate::server::{ServerBuilder, TestServer, within};

/// How many of the slips have to be repaired, and how many repaired or proposed.
const SLIPS: usize = 60;
const REPAIRED: usize = 48;
const REPAIRED_OR_PROPOSED: usize = 56;

/// How many come from threads of real hosts and models.
const CITED: usize = 40;

#[derive(Deserialize)]
struct Slips {
    slips: Vec<Slip>,
}

#[derive(Deserialize)]
struct Slip {
    title: String,
    source: String,
    who: Option<String>,
    #[serde(default = "call_module_tool")]
    name: String,
    sent: String,
    intended: Option<String>,
    expected: Outcome,
    says: Option<String>,
}

fn call_module_tool() -> String {
    "call_module_tool".to_owned()
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Repaired,
    Proposed,
    Neither,
}

/// A server with the modules that the slips are about, all of which call one service.
struct Fixture {
    server: TestServer,
    service: CannedService,
}

impl Fixture {
    async fn start() -> Self {
        let service = CannedService::start().await;
        service.respond("200 OK\nContent-Type: application/json", "{}");
        let one = |module: &str| (module.to_owned(), vec!["work"]);
        let mut modules: Vec<_> = ["github", "notion", "supabase", "supabase_data"].map(one).into();
        modules.push(("sample".to_owned(), vec!["work", "personal"]));
        let builder = ServerBuilder { modules, canned: Some(service.address), ..ServerBuilder::default() };
        Self { server: builder.start().await, service }
    }

    /// Calls a tool with arguments as they are written. Returns the response, and what the service was sent meanwhile.
    async fn call(&self, name: &str, arguments: &str) -> (Value, Vec<Sent>) {
        let before = self.service.requests();
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":{},"arguments":{arguments}}}}}"#,
            json!(name)
        );
        let request = self.server.post_text(&body).header("mcp-protocol-version", "2025-11-25");
        let response: Value = within(request.send()).await.unwrap().json().await.unwrap();
        let requests = self.service.requests() - before;
        (response, vec![self.service.sent(); requests])
    }

    /// What the slip led to, and the text of the answer.
    async fn outcome(&self, slip: &Slip) -> (Outcome, String) {
        let (response, sent) = self.call(&slip.name, &slip.sent).await;
        let result = &response["result"];
        let text = result["content"][0]["text"].as_str().unwrap_or_default().to_owned();
        let outcome = match &slip.intended {
            Some(intended) if result["isError"] == json!(false) => {
                let name = if slip.name == "get_module_schema" { &slip.name } else { "call_module_tool" };
                let (right, right_sent) = self.call(name, intended).await;
                assert_eq!(right["result"], *result, "{}", slip.title);
                assert_eq!(requests(&sent), requests(&right_sent), "{}", slip.title);
                assert_eq!(sent.len(), usize::from(name == "call_module_tool"), "{}", slip.title);
                Outcome::Repaired
            }
            _ => {
                assert!(sent.is_empty(), "{} was sent: {sent:?}", slip.title);
                assert_ne!(result["isError"], json!(false), "{}: {response}", slip.title);
                match slip.says.as_ref().is_some_and(|says| text.contains(says.as_str())) {
                    true => Outcome::Proposed,
                    false => Outcome::Neither,
                }
            }
        };
        (outcome, if text.is_empty() { response["error"].to_string() } else { text })
    }

    /// Checks that a call is valid as it is, so that nothing of it is repaired.
    fn assert_valid(&self, call: &Value) {
        let name = |key: &str| call[key].as_str().unwrap_or_else(|| panic!("{call} has no {key}"));
        let module = self.server.parts.calls.registry().module(&Caller::local(), name("module")).unwrap();
        let tool = module.tool(name("tool")).unwrap_or_else(|| panic!("{call}: no such tool"));
        assert_eq!(tool.check(call["arguments"].as_object().unwrap()), Ok(()), "{call}");
        for key in call.as_object().unwrap().keys() {
            assert!(["module", "tool", "arguments", "account", "full"].contains(&key.as_str()), "{call}");
        }
    }
}

fn requests(sent: &[Sent]) -> Vec<(&str, &[u8])> {
    sent.iter().map(|sent| (sent.head.as_str(), sent.body.as_slice())).collect()
}

fn slips() -> Vec<Slip> {
    let text = include_str!("../fixtures/slips/slips.toml");
    toml::from_str::<Slips>(text).unwrap().slips
}

/// Prints the table. The answers are written to a file, whose tokens `tests/clients/tokens.mjs` counts.
#[tokio::test]
async fn sixty_slips_are_repaired_or_proposed_in_one_turn() {
    let slips = slips();
    assert_eq!(slips.len(), SLIPS);
    assert!(slips.iter().filter(|slip| slip.source.starts_with("https://")).count() >= CITED);
    let fixture = Fixture::start().await;
    let mut outcomes = Vec::new();
    let mut table = String::new();
    let mut answers = Vec::new();
    let mut wrong = Vec::new();
    for slip in &slips {
        if let Some(intended) = slip.intended.as_ref().filter(|_| slip.name != "get_module_schema") {
            fixture.assert_valid(&serde_json::from_str(intended).unwrap());
        }
        let (outcome, answer) = fixture.outcome(slip).await;
        let from = slip.who.as_deref().unwrap_or("own");
        writeln!(table, "{:9} {:5} B  {} ({from})", format!("{outcome:?}"), answer.len(), slip.title)
            .unwrap();
        if outcome != slip.expected {
            wrong.push(format!("{} was to be {:?}, was {outcome:?}: {answer}", slip.title, slip.expected));
        }
        answers.push(json!({ "name": format!("{outcome:?}: {}", slip.title), "text": answer }));
        outcomes.push(outcome);
    }
    let count = |wanted: &[Outcome]| outcomes.iter().filter(|outcome| wanted.contains(outcome)).count();
    let (repaired, both) = (count(&[Outcome::Repaired]), count(&[Outcome::Repaired, Outcome::Proposed]));
    println!("{table}\n{repaired} of {SLIPS} repaired, {both} repaired or proposed");
    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/slips.json");
    std::fs::write(file, Value::from(answers).to_string()).unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(repaired >= REPAIRED && both >= REPAIRED_OR_PROPOSED, "{table}");
}

#[tokio::test]
async fn what_is_proposed_for_a_write_never_runs() {
    let fixture = Fixture::start().await;
    let item = r#"{"owner":"octo","repo":"hello","title":"Crash""#;
    for (name, sent) in [
        // A name that is only similar.
        ("creat_issue", format!("{item}}}")),
        ("call_module_tool", format!(r#"{{"module":"github","tool":"create_isue","arguments":{item}}}}}"#)),
        ("call_module_tool", format!(r#"{{"module":"githb","tool":"create_issue","arguments":{item}}}}}"#)),
        ("call_module_tool", format!(r#"{{"module":"github","tool":"create_issue","arguments":{item},"lables":["a"]}}}}"#)),
        // Two values for one thing.
        ("call_module_tool", format!(r#"{{"module":"github","tool":"create_issue","title":"Other","arguments":{item}}}}}"#)),
        ("call_module_tool", format!(r#"{{"module":"github","tool":"create_issue","arguments":{item},"account":"a"}},"account":"work"}}"#)),
        ("call_module_tool", format!(r#"{{"module":"github","tool":"get_issue","arguments":{{"module":"github","tool":"create_issue","arguments":{item}}}}}}}"#)),
        // A value that may mean several things.
        ("call_module_tool", format!(r#"{{"module":"github","tool":"create_issue","arguments":{item},"labels":"a, b"}}}}"#)),
        ("call_module_tool", format!(r#"{{"module":"github","tool":"create_issue","arguments":{item},"labels":"[a"}}}}"#)),
        ("call_module_tool", format!(r#"{{"module":"github","tool":"create_issue","arguments":{item},"labels":""}}}}"#)),
        ("call_module_tool", r#"{"module":"github","tool":"rerun_workflow","arguments":{"owner":"o","repo":"r","run_id":7.5}}"#.to_owned()),
        ("call_module_tool", r#"{"module":"github","tool":"rerun_workflow","arguments":{"owner":"o","repo":"r","run_id":"7.5"}}"#.to_owned()),
        ("call_module_tool", r#"{"module":"github","tool":"rerun_workflow","arguments":{"owner":"o","repo":"r","run_id":"07"}}"#.to_owned()),
        ("call_module_tool", r#"{"module":"github","tool":"rerun_workflow","arguments":{"owner":"o","repo":"r","run_id":7,"debug":"yes"}}"#.to_owned()),
        ("call_module_tool", r#"{"module":"github","tool":"rerun_workflow","arguments":{"owner":"o","repo":"r","run_id":7,"debug":1}}"#.to_owned()),
        ("call_module_tool", r#"{"module":"github","tool":"rerun_workflow","arguments":{"owner":"o","repo":"r","run_id":null}}"#.to_owned()),
        // No account is guessed, wherever the title is.
        ("call_module_tool", r#"{"module":"sample","tool":"add_item","title":"A pen"}"#.to_owned()),
        ("add_item", r#"{"title":"A pen"}"#.to_owned()),
    ] {
        let (response, sent) = fixture.call(name, &sent_as_json(&sent)).await;
        assert!(sent.is_empty(), "{name} {sent:?}: {response}");
        let refused = response["error"].is_object() || response["result"]["isError"] == json!(true);
        assert!(refused, "{name}: {response}");
    }
}

/// The text, which has to be JSON.
fn sent_as_json(text: &str) -> String {
    assert!(serde_json::from_str::<Value>(text).is_ok(), "{text}");
    text.to_owned()
}

/// A value that is valid is what a service gets, even if it looks like a slip.
#[tokio::test]
async fn what_is_valid_is_sent_as_it_is() {
    let fixture = Fixture::start().await;
    let issue = r#"{"module":"github","tool":"create_issue","arguments":{"owner":"octo","repo":"hello","title":"7","body":"[\"a\"]","labels":["a,b","null"]}}"#;
    let (_, sent) = fixture.call("call_module_tool", issue).await;
    let body: Value = serde_json::from_slice(&sent[0].body).unwrap();
    assert_eq!(body, json!({ "title": "7", "body": "[\"a\"]", "labels": ["a,b", "null"] }));

    // Beside a slip, too; and inside what a schema leaves open.
    let page = r#"{"module":"notion","tool":"update_page","arguments":{"pageId":"7","properties":{"Count":"7","Done":"true","account":"x","None":null}}}"#;
    let (response, sent) = fixture.call("call_module_tool", page).await;
    assert_eq!(response["result"]["isError"], json!(false), "{response}");
    let body: Value = serde_json::from_slice(&sent[0].body).unwrap();
    assert_eq!(body, json!({ "properties": { "Count": "7", "Done": "true", "account": "x", "None": null } }));
    assert!(sent[0].target().ends_with("/pages/7"), "{}", sent[0].target());
}

#[tokio::test]
async fn all_slips_of_a_call_are_named_at_once() {
    let fixture = Fixture::start().await;
    let sent = r#"{"module":"sample","tool":"add_item","arguments":{"title":7.5,"colour":"red","size":1}}"#;
    let (response, _) = fixture.call("call_module_tool", sent).await;
    let text = response["result"]["content"][0]["text"].as_str().unwrap();
    for says in [
        "account_required",
        "`work`, `personal`",
        "`title` must be a string",
        "`colour`",
        "`size`",
        "Arguments: title: string",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
    let (response, _) =
        fixture.call("call_module_tool", r#"{"arguments":7,"full":"maybe","account":{}}"#).await;
    let text = response["result"]["content"][0]["text"].as_str().unwrap();
    for says in
        ["`module` is missing", "`tool` is missing", "`arguments` must", "`full` must", "`account` must"]
    {
        assert!(text.contains(says), "{says}: {text}");
    }
}

/// A string of arguments in another place than `arguments` takes no more memory than a small request.
#[tokio::test]
async fn a_large_string_in_another_place_is_refused() {
    let fixture = Fixture::start().await;
    let list = format!("[{}0]", "{\\\"\\\":0},".repeat(10_000));
    for sent in [
        format!(
            r#"{{"module":"supabase_data","tool":"insert_rows","args":"{{\"table\":\"t\",\"rows\":{list}}}"}}"#
        ),
        format!(
            r#"{{"module":"supabase_data","tool":"insert_rows","arguments":{{"table":"t","rows":"{list}"}}}}"#
        ),
    ] {
        let (response, sent) = fixture.call("call_module_tool", &sent_as_json(&sent)).await;
        assert!(sent.is_empty());
        assert_eq!(
            response["result"]["structuredContent"]["error"]["code"],
            json!("invalid_arguments"),
            "{response}"
        );
    }
}
