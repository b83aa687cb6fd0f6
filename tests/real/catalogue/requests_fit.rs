//! The request of every tool fits the service's API description, and each invalid variant of it is rejected.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cofferdam::broker::{Broker, CompartmentPolicy, ModuleBinding, PathTemplate, VaultParts};
use cofferdam::caller::Caller;
use cofferdam::calls::{CallRequest, Calls};
use cofferdam::connectors::http::HttpConnector;
use cofferdam::manifest::ManifestLibrary;
use cofferdam::profile::{AccountEntry, ModuleEntry, ToolFilter};
use cofferdam::registry::{Module, Registry};
use cofferdam_servers::{Prism, api_descriptions};
use cofferdam_testing::fixture;
use cofferdam_vault::testkit::MemoryVault;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::description::Description;
use crate::recorder::Recorder;
use crate::request::Request;

const TOKEN: &str = "catalogue-5d1e07a2-token";

/// The sample calls of a module: the arguments of one or more calls of each tool.
type Samples = BTreeMap<String, Vec<Map<String, Value>>>;

fn samples(module: &str) -> Samples {
    toml::from_str(&std::fs::read_to_string(fixture(module).join("calls.toml")).unwrap()).unwrap()
}

/// A module of the catalogue, with a vault in memory and a recorder as its service.
struct ModuleUnderTest {
    module: Arc<Module>,
    calls: Calls,
    recorder: Recorder,
}

impl ModuleUnderTest {
    async fn new(module: &str, descriptions: Vec<PathBuf>) -> Self {
        let described =
            descriptions.iter().map(|file| (Description::load(file), Prism::start(file).unwrap())).collect();
        let recorder = Recorder::start(described).await;
        let entry = ModuleEntry {
            name: module.to_owned(),
            vault: "vault".into(),
            manifest: module.to_owned(),
            accounts: vec![AccountEntry { name: "default".into(), base_url: None }],
            base_url: Some(recorder.url().parse().unwrap()),
            path: PathTemplate::default(),
            insecure_http: false,
            tools: ToolFilter::default(),
            in_flight: None,
            queue: None,
            lookups: None,
        };
        let registry = Arc::new(Registry::load(std::slice::from_ref(&entry), &ManifestLibrary::load(None)));
        let found = Arc::clone(registry.module(&Caller::local(), module).unwrap());
        let vault = MemoryVault::new("vault");
        vault.put(&format!("{module}/default"), [("token", TOKEN)]);
        let parts =
            VaultParts { name: "vault".into(), policy: CompartmentPolicy::default(), vault: Arc::new(vault) };
        let binding = ModuleBinding {
            module: entry.name.clone(),
            vault: entry.vault.clone(),
            accounts: vec!["default".into()],
            path: entry.path.clone(),
            credential: found.service.credential.clone(),
        };
        let broker = Arc::new(Broker::new(vec![parts], vec![binding]));
        broker.start().await;
        let calls = Calls::new(registry, broker, HttpConnector::new(), 4);
        Self { module: found, calls, recorder }
    }

    /// The request of a call of `tool`, which must succeed.
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

    /// Checks every tool; returns the number of invalid requests, and how many of them Prism rejected.
    async fn run(&self) -> (usize, usize) {
        let samples = samples(&self.module.name);
        let (mut invalid, mut seen) = (0, 0);
        let known: BTreeSet<&str> = self.module.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(known, samples.keys().map(String::as_str).collect(), "tools and calls.toml differ");
        for tool in &self.module.tools {
            let samples = &samples[&tool.name];
            let declared = tool.operation.input_schema["properties"].as_object().unwrap();
            let used: BTreeSet<&String> = samples.iter().flat_map(Map::keys).collect();
            assert_eq!(used, declared.keys().collect(), "{}: arguments that no call uses", tool.name);
            for arguments in samples {
                let request = self.sent(&tool.name, arguments).await;
                let problems = self.recorder.service.problems(&request);
                assert!(problems.is_empty(), "{}: {problems:#?}\n{request:#?}", tool.name);
                assert_eq!(request.headers["authorization"], format!("Bearer {TOKEN}"), "{}", tool.name);
                for (what, changed) in self.invalid_variants(&request) {
                    let problems = self.recorder.service.problems(&changed);
                    assert!(!problems.is_empty(), "{} with {what} was accepted: {changed:#?}", tool.name);
                    invalid += 1;
                    seen += usize::from(self.recorder.service.ask(&changed).await.is_err());
                }
            }
        }
        (invalid, seen)
    }

    /// The invalid variants of a request, by the description that it fits.
    fn invalid_variants(&self, request: &Request) -> Vec<(String, Request)> {
        let described = self.recorder.service.described.iter();
        let fitting = described
            .filter_map(|(description, _)| description.operation(request))
            .find(|operation| operation.problems(request).is_empty());
        fitting.unwrap().invalid_variants(request)
    }
}

async fn prove(module: &str, descriptions: Vec<PathBuf>) {
    let under_test = ModuleUnderTest::new(module, descriptions).await;
    let tools = under_test.module.tools.len();
    let (invalid, seen) = under_test.run().await;
    println!(
        "{module}: {tools} tools fit; all {invalid} invalid requests are rejected, {seen} by Prism, too"
    );
    assert!(invalid >= 2 * tools && seen >= tools, "{invalid} invalid requests, {seen} rejected by Prism");
}

#[tokio::test]
async fn github_takes_every_request() {
    prove("github", vec![api_descriptions().unwrap().github]).await;
}

#[tokio::test]
async fn notion_takes_every_request() {
    prove("notion", vec![api_descriptions().unwrap().notion, fixture("notion").join("openapi.json")]).await;
}

#[tokio::test]
async fn supabase_takes_every_request() {
    prove("supabase", vec![fixture("supabase").join("openapi.json")]).await;
}

#[tokio::test]
async fn supabase_data_takes_every_request() {
    prove("supabase_data", vec![fixture("supabase_data").join("openapi.json")]).await;
}
