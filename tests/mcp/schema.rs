//! What `get_module_schema` answers: the modules, the tools of one, all of one tool, and what fits a question.

use cofferdam::caller::Caller;
use cofferdam::calls::MAX_ANSWER_BYTES;
use cofferdam::manifest::ManifestLibrary;
use cofferdam::registry::Module;
use serde_json::{Value, json};

use crate::server::{ServerBuilder, TestServer};

/// The bytes that the list of a module with 40 tools may have.
const MAX_LIST_BYTES: usize = 6 * 1024;

/// A server with all modules of the catalogue.
async fn catalogue() -> TestServer {
    let library = ManifestLibrary::load(None);
    let modules = library.names().iter().map(|name| ((*name).to_owned(), vec!["work", "personal"])).collect();
    ServerBuilder { modules, ..ServerBuilder::default() }.start().await
}

async fn ask(server: &TestServer, arguments: Value) -> String {
    let result = server.tool("get_module_schema", arguments).await;
    assert_eq!(result["isError"], json!(false), "{result}");
    assert!(result.get("structuredContent").is_none(), "the model would get it twice: {result}");
    result["content"][0]["text"].as_str().unwrap().to_owned()
}

/// What the tool answered before it had lines: every schema, once as text and once as structured content.
fn with_all_schemas(module: &Module) -> String {
    let tools: Vec<Value> = module
        .tools
        .iter()
        .map(|tool| {
            json!({
                "tool": tool.name,
                "description": tool.description,
                "input_schema": *tool.operation.input_schema,
                "capabilities": tool.operation.effects,
            })
        })
        .collect();
    let accounts: Vec<&str> = module.accounts.iter().map(|account| account.name.as_str()).collect();
    json!({ "module": module.name, "title": module.service.title, "accounts": accounts, "tools": tools })
        .to_string()
}

/// Prints the sizes. The texts are written to a file, whose tokens `tests/clients/tokens.mjs` counts.
#[tokio::test]
async fn a_list_is_small_and_has_every_argument_of_every_tool() {
    let server = catalogue().await;
    let mut texts = Vec::new();
    for module in server.parts.calls.registry().modules(&Caller::local()) {
        let text = ask(&server, json!({ "module": module.name })).await;
        let before = with_all_schemas(module);
        println!(
            "{}: {} tools, {} B before, {} B",
            module.name,
            module.tools.len(),
            before.len(),
            text.len()
        );
        assert!(text.len() <= MAX_LIST_BYTES, "{text}");
        for tool in &module.tools {
            let line = text.lines().find(|line| line.starts_with(&format!("{}(", tool.name)));
            let line = line.unwrap_or_else(|| panic!("{} is missing: {text}", tool.name));
            let (arguments, _) = line.split_once(") — ").unwrap_or_else(|| panic!("{line}"));
            let schema = &tool.operation.input_schema;
            let required: Vec<&str> = schema
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            for name in schema["properties"].as_object().unwrap().keys() {
                let shown = if required.contains(&name.as_str()) { name.clone() } else { format!("{name}?") };
                let found = arguments.split(['(', ' ', ',', ':']).any(|part| part == shown);
                assert!(found, "{shown} is missing: {line}");
            }
            assert!(
                ["[read]", "[write]", "[destructive]"].iter().any(|effect| line.ends_with(effect)),
                "{line}"
            );
        }
        assert!(text.contains("accounts work (default), personal"), "{text}");
        texts.push(json!({ "name": format!("{} before", module.name), "text": before }));
        texts.push(json!({ "name": module.name, "text": text }));
    }
    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/module_lists.json");
    std::fs::write(file, Value::from(texts).to_string()).unwrap();
}

#[tokio::test]
async fn a_line_is_enough_to_call_a_tool() {
    let server = catalogue().await;
    let text = ask(&server, json!({ "module": "github" })).await;
    for line in [
        "get_issue(owner, repo, issue_number) — One issue or pull request with its text [read]",
        "list_branches(owner, repo, protected?: boolean, per_page?, page?)",
        "create_issue(owner, repo, title, body?, labels?: string[], assignees?: string[])",
        "event: APPROVE|REQUEST_CHANGES|COMMENT",
        "comments?: {path: string, line: integer, body: string, side?: LEFT|RIGHT}[]",
        "issue_number: integer",
        "owner (User or organization that owns the repository)",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[tokio::test]
async fn one_tool_has_its_whole_schema() {
    let server = catalogue().await;
    let module = server.parts.calls.registry().module(&Caller::local(), "notion").unwrap();
    for tool in &module.tools {
        let text = ask(&server, json!({ "module": "notion", "tool": tool.name })).await;
        let whole: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(whole["input_schema"], Value::Object((*tool.operation.input_schema).clone()));
        assert_eq!(
            (&whole["description"], &whole["default_account"]),
            (&json!(tool.description), &json!("work"))
        );
        assert_eq!(whole["capabilities"]["side_effect"], json!(tool.operation.effects.side_effect));
    }
    // The name of the tool alone, where one module has it; and what models write for these names.
    let text = ask(&server, json!({ "module": "notion", "tool": "get_page" })).await;
    for same in [
        json!({ "tool": "get_page" }),
        json!({ "tool_name": "get_page", "name": "notion" }),
        json!({ "module": "notion.get_page" }),
        json!({ "module": "Notion", "tool": "getPage" }),
        json!({ "module": "notion", "tool": "notion__get_page" }),
    ] {
        assert_eq!(ask(&server, same.clone()).await, text, "{same}");
    }
    let several = server.tool("get_module_schema", json!({ "tool": "list_branches" })).await;
    let text = several["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("did you mean that of `github` or `supabase`?"), "{text}");
}

#[tokio::test]
async fn a_question_finds_at_most_five_tools_and_none_that_does_not_fit() {
    let server = catalogue().await;
    let found = ask(&server, json!({ "query": "open a new issue on GitHub" })).await;
    assert!(
        found.starts_with("github.create_issue(owner: string, repo: string, title: string, body?: string"),
        "{found}"
    );
    let tools = found.lines().filter(|line| line.contains("(") && line.ends_with(']')).count();
    assert!((1..=5).contains(&tools), "{found}");
    assert!(found.ends_with("github: accounts work (default), personal\n"), "{found}");

    let nothing = ask(&server, json!({ "query": "book a flight to Lisbon" })).await;
    assert!(
        nothing.starts_with("No close match. The modules are:\ngithub (ready; accounts work"),
        "{nothing}"
    );
    let nothing = ask(&server, json!({ "module": "notion", "query": "book a flight to Lisbon" })).await;
    assert!(nothing.starts_with("No close match in `notion`.\n\nnotion (Notion): "), "{nothing}");
    let of_module = ask(&server, json!({ "module": "supabase", "query": "list branches" })).await;
    assert!(of_module.starts_with("supabase.list_branches("), "{of_module}");
}

#[tokio::test]
async fn no_answer_has_more_than_it_may_or_names_what_a_model_must_not_see() {
    let server = ServerBuilder::default().start().await;
    let all = ask(&server, json!({})).await;
    assert_eq!(all, "sample (ready; accounts work (default), personal): Sample items\n");
    let list = ask(&server, json!({ "module": "sample" })).await;
    let tool = ask(&server, json!({ "module": "sample", "tool": "add_item" })).await;
    let found = ask(&server, json!({ "query": "item" })).await;
    for text in [all, list, tool, found] {
        assert!(text.len() <= MAX_ANSWER_BYTES);
        let hidden = ["sample-vault", "memory:", "127.0.0.1"];
        assert!(!hidden.iter().any(|hidden| text.contains(hidden)), "{text}");
    }
}
