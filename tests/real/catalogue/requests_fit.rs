//! Every tool's request against the service's API description, and spoilt, so that the check is seen to refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cofferdam::access::Caller;
use cofferdam::broker::{Broker, ModuleBinding, VaultParts, Walls};
use cofferdam::calls::{CallRequest, Calls};
use cofferdam::connectors::http::HttpConnector;
use cofferdam::profile::{AccountEntry, ModuleEntry};
use cofferdam::registry::{Manifests, Module, Registry};
use cofferdam_servers::{Prism, api_descriptions};
use cofferdam_vault::testkit::MemoryVault;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::description::Description;
use crate::recorder::Recorder;
use crate::request::Request;

const TOKEN: &str = "catalogue-5d1e07a2-token";

/// The calls of a module: each tool's name with arguments, once or several times.
type Samples = BTreeMap<String, Vec<Map<String, Value>>>;

fn fixtures(module: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(module)
}

fn samples(module: &str) -> Samples {
    toml::from_str(&std::fs::read_to_string(fixtures(module).join("calls.toml")).unwrap()).unwrap()
}

/// A module of the catalogue, its vault in memory, its service a recorder.
struct Proof {
    module: Arc<Module>,
    calls: Calls,
    recorder: Recorder,
}

impl Proof {
    async fn of(module: &str, descriptions: Vec<PathBuf>) -> Self {
        let described =
            descriptions.iter().map(|file| (Description::load(file), Prism::start(file).unwrap())).collect();
        let recorder = Recorder::start(described).await;
        let entry = ModuleEntry {
            name: module.to_owned(),
            vault: "vault".into(),
            manifest: module.to_owned(),
            accounts: vec![AccountEntry { name: "default".into(), base_url: None }],
            base_url: Some(recorder.url().parse().unwrap()),
            path: "{module}/{account}".into(),
            insecure_http: false,
        };
        let registry = Arc::new(Registry::load(std::slice::from_ref(&entry), &Manifests::load(None)));
        let found = Arc::clone(registry.module(&Caller::local(), module).unwrap());
        let vault = MemoryVault::new("vault");
        vault.put(&format!("{module}/default"), [("token", TOKEN)]);
        let parts = VaultParts { name: "vault".into(), walls: Walls::default(), vault: Arc::new(vault) };
        let binding = ModuleBinding {
            module: entry.name.clone(),
            vault: entry.vault.clone(),
            accounts: vec!["default".into()],
            path: entry.path.clone(),
            credential: found.credential.clone(),
        };
        let broker = Arc::new(Broker::new(vec![parts], vec![binding]));
        broker.start().await;
        let calls = Calls::new(registry, broker, HttpConnector::new(), 4);
        Self { module: found, calls, recorder }
    }

    /// The request that a call of `tool` becomes; it must have been taken.
    async fn sent(&self, tool: &str, arguments: &Map<String, Value>) -> Request {
        let request = CallRequest {
            module: self.module.name.clone(),
            tool: tool.to_owned(),
            arguments: arguments.clone(),
            account: None,
            full: false,
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        let answer = self.calls.call(&Caller::local(), request, deadline, std::future::pending()).await;
        answer.unwrap_or_else(|error| panic!("{tool}: {error}"));
        let [sent] = <[Request; 1]>::try_from(self.recorder.take()).unwrap();
        sent
    }

    /// Proves every tool; answers how many spoilt requests there were, and how many of them Prism saw too.
    async fn run(&self) -> (usize, usize) {
        let samples = samples(&self.module.name);
        let (mut spoilt, mut seen) = (0, 0);
        let known: BTreeSet<&str> = self.module.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(known, samples.keys().map(String::as_str).collect(), "tools and calls.toml differ");
        for tool in &self.module.tools {
            let samples = &samples[&tool.name];
            let declared = tool.input_schema["properties"].as_object().unwrap();
            let used: BTreeSet<&String> = samples.iter().flat_map(Map::keys).collect();
            assert_eq!(used, declared.keys().collect(), "{}: arguments that no call uses", tool.name);
            for arguments in samples {
                let request = self.sent(&tool.name, arguments).await;
                let problems = self.recorder.service.problems(&request);
                assert!(problems.is_empty(), "{}: {problems:#?}\n{request:#?}", tool.name);
                assert_eq!(request.headers["authorization"], format!("Bearer {TOKEN}"), "{}", tool.name);
                for (what, changed) in self.spoilt(&request) {
                    let problems = self.recorder.service.problems(&changed);
                    assert!(!problems.is_empty(), "{} with {what} was taken: {changed:#?}", tool.name);
                    spoilt += 1;
                    seen += usize::from(self.recorder.service.ask(&changed).await.is_err());
                }
            }
        }
        (spoilt, seen)
    }

    /// The spoilt forms of a request, by the description that it fits.
    fn spoilt(&self, request: &Request) -> Vec<(String, Request)> {
        let described = self.recorder.service.described.iter();
        let fitting = described
            .filter_map(|(description, _)| description.operation(request))
            .find(|operation| operation.problems(request).is_empty());
        fitting.unwrap().spoilt(request)
    }
}

async fn prove(module: &str, descriptions: Vec<PathBuf>) {
    let proof = Proof::of(module, descriptions).await;
    let tools = proof.module.tools.len();
    let (spoilt, seen) = proof.run().await;
    println!("{module}: {tools} tools fit; of {spoilt} spoilt requests all are refused, {seen} by Prism too");
    assert!(spoilt >= 2 * tools && seen >= tools, "{spoilt} spoilt requests, {seen} refused by Prism");
}

#[tokio::test]
async fn github_takes_every_request() {
    prove("github", vec![api_descriptions().unwrap().github]).await;
}

#[tokio::test]
async fn notion_takes_every_request() {
    prove("notion", vec![api_descriptions().unwrap().notion, fixtures("notion").join("openapi.json")]).await;
}

#[tokio::test]
async fn supabase_takes_every_request() {
    prove("supabase", vec![fixtures("supabase").join("openapi.json")]).await;
}

#[tokio::test]
async fn supabase_data_takes_every_request() {
    prove("supabase_data", vec![fixtures("supabase_data").join("openapi.json")]).await;
}

#[test]
fn every_operation_written_by_hand_names_its_page_and_its_day() {
    for module in ["notion", "supabase", "supabase_data"] {
        let description = Description::load(&fixtures(module).join("openapi.json"));
        for (method, path, operation) in description.operations() {
            let page = operation["externalDocs"]["url"].as_str().unwrap_or_default();
            assert!(page.starts_with("https://"), "{module}: {method} {path} names no page");
            let day = operation["x-checked"].as_str().unwrap_or_default();
            assert!(day.len() == 10 && day.starts_with("20"), "{module}: {method} {path} names no day");
        }
    }
}
