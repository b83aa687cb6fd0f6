//! Each revision of MCP, with the client of rmcp.

use cofferdam::manifest::ManifestLibrary;
use cofferdam::mcp::REVISIONS;
use rmcp::model::{CallToolRequestParams, ClientCapabilities, ClientConfig, Implementation, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt as _, RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use serde_json::{Value, json};

use crate::server::{ServerBuilder, TestServer, within};

async fn connect(
    server: &TestServer,
    revision: &ProtocolVersion,
) -> RunningService<RoleClient, ClientConfig> {
    let transport = StreamableHttpClientTransport::from_uri(format!("http://{}/mcp", server.address));
    let mut client = ClientConfig::new(ClientCapabilities::default(), Implementation::new("test", "1"));
    client.protocol_version = revision.clone();
    let lifecycle = if revision == &ProtocolVersion::V_2026_07_28 {
        ClientLifecycleMode::Discover { preferred_versions: vec![revision.clone()] }
    } else {
        ClientLifecycleMode::Initialize
    };
    within(client.serve_with_lifecycle(transport, lifecycle)).await.unwrap()
}

fn call(name: &'static str, arguments: Value) -> CallToolRequestParams {
    CallToolRequestParams::new(name).with_arguments(arguments.as_object().unwrap().clone())
}

#[tokio::test]
async fn every_revision_lists_looks_up_and_calls() {
    let server = ServerBuilder::default().start().await;
    for revision in &REVISIONS {
        let client = connect(&server, revision).await;
        let peer = client.peer_info().unwrap();
        assert_eq!(&peer.protocol_version, revision);
        let tools = within(client.list_tools(None)).await.unwrap().tools;
        let names: Vec<_> = tools.iter().map(|tool| tool.name.as_ref()).collect();
        assert_eq!(names, ["get_module_schema", "call_module_tool"]);
        let hints = |i: usize| tools[i].annotations.clone().unwrap();
        assert_eq!(hints(0).read_only_hint, Some(true));
        assert_eq!((hints(1).destructive_hint, hints(1).open_world_hint), (Some(true), Some(true)));
        for tool in &tools {
            assert!(tool.description.as_ref().unwrap().contains("- sample: Sample items"), "{tool:?}");
        }
        let schema =
            within(client.call_tool(call("get_module_schema", json!({ "module": "sample" })))).await.unwrap();
        assert_eq!(schema.is_error, Some(false), "{revision}");
        let arguments = json!({ "module": "sample", "tool": "get_item", "arguments": { "id": "a" } });
        let answer = within(client.call_tool(call("call_module_tool", arguments))).await.unwrap();
        assert_eq!(answer.structured_content, Some(json!({ "result": { "id": "a" } })), "{revision}");
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn a_client_of_an_older_revision_is_offered_one_that_is_served() {
    let server = ServerBuilder::default().start().await;
    let params = json!({
        "protocolVersion": "2024-11-05",
        "capabilities": {},
        "clientInfo": { "name": "old", "version": "1" },
    });
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
    let answer: Value =
        within(server.post_text(&initialize.to_string()).send()).await.unwrap().json().await.unwrap();
    assert_eq!(answer["result"]["protocolVersion"], json!("2025-11-25"), "{answer}");
    assert_eq!(answer["result"]["serverInfo"]["name"], json!("cofferdam"));
}

#[tokio::test]
async fn a_list_is_private_to_its_caller() {
    let server = ServerBuilder::default().start().await;
    let client = connect(&server, &ProtocolVersion::V_2026_07_28).await;
    let list = within(client.list_tools(None)).await.unwrap();
    assert_eq!(serde_json::to_value(&list).unwrap()["cacheScope"], json!("private"));
}

async fn listed_bytes(builder: ServerBuilder) -> usize {
    let server = builder.start().await;
    let text = within(server.post("tools/list", json!({})).send()).await.unwrap().text().await.unwrap();
    assert!(text.contains("call_module_tool"), "{text}");
    text.len()
}

#[tokio::test]
async fn the_list_of_tools_stays_small_however_many_modules_there_are() {
    let modules = |count: usize| ServerBuilder {
        modules: (0..count).map(|i| (format!("a-module-with-a-name-{i}"), vec!["default"])).collect(),
        ..ServerBuilder::default()
    };
    assert!(listed_bytes(modules(12)).await <= 4 * 1024);
    let catalogue = ManifestLibrary::load(None);
    let catalogue: Vec<_> =
        catalogue.names().iter().map(|name| ((*name).to_owned(), vec!["default"])).collect();
    assert!(catalogue.len() >= 4, "{catalogue:?}");
    assert!(listed_bytes(ServerBuilder { modules: catalogue, ..ServerBuilder::default() }).await <= 4 * 1024);
    let many = modules(1000).start().await;
    let text = within(many.post("tools/list", json!({})).send()).await.unwrap().text().await.unwrap();
    assert!(text.len() <= 6 * 1024, "{} bytes", text.len());
    assert!(text.contains("more; use get_module_schema"), "{text}");
    let all = many.tool("get_module_schema", json!({})).await;
    assert_eq!(all["content"][0]["text"].as_str().unwrap().lines().count(), 1000);
}
