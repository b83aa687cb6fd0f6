//! Steady load: calls of `call_module_tool` over `POST /mcp` at a fixed rate.
//!
//! The load is open: a call is sent when it is due, not after the response to the previous one, and its latency counts from
//! when it was due. So a stalled server does not hide its stall by receiving fewer calls. A thread of its own keeps the rate,
//! because the runtime's timer has a resolution of a millisecond.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::profile::login;

/// The timeout of a call.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Running load.
pub(crate) struct Load {
    shared: Arc<Shared>,
    generator: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    client: reqwest::Client,
    url: String,
    modules: Vec<Module>,
    stopped: AtomicBool,
    in_flight: AtomicUsize,
}

struct Module {
    body: String,
    login: String,
    samples: Mutex<Vec<Sample>>,
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// When it was due.
    pub(crate) due: Instant,
    /// From when it was due to when it was sent: the delay of the load itself.
    pub(crate) late: Duration,
    /// From when it was due to the response.
    pub(crate) took: Duration,
    /// The error code; `None` if the response was the right one.
    pub(crate) error: Option<String>,
}

impl Load {
    /// Calls `whoami` of each of `modules` in turn, `rate` times a second each.
    pub(crate) fn start(url: &str, modules: &[String], rate: f64) -> Result<Self, super::Failed> {
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT);
        Self::start_with(client.pool_max_idle_per_host(usize::MAX).build()?, url, modules, rate)
    }

    /// As [`Load::start`], with a client that decides on connections and the timeout of a call.
    pub(crate) fn start_with(
        client: reqwest::Client,
        url: &str,
        modules: &[String],
        rate: f64,
    ) -> Result<Self, super::Failed> {
        let modules: Vec<Module> = modules.iter().map(|name| Module::new(name)).collect();
        let every = Duration::from_secs_f64(1.0 / (rate * modules.len() as f64));
        let shared = Arc::new(Shared {
            client,
            url: url.to_owned(),
            modules,
            stopped: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
        });
        let (for_generator, runtime) = (Arc::clone(&shared), Handle::current());
        let generator = std::thread::spawn(move || generate(&for_generator, &runtime, every));
        Ok(Self { shared, generator: Some(generator) })
    }

    /// The calls so far of the module at `index`.
    pub(crate) fn samples(&self, index: usize) -> Vec<Sample> {
        self.shared.modules[index].lock().clone()
    }

    /// When the first correct response to a call of the module at `index` arrived that was due after `from`.
    pub(crate) fn good_since(&self, index: usize, from: Instant) -> Option<Instant> {
        let samples = self.shared.modules[index].lock();
        let good = samples.iter().filter(|sample| sample.due >= from && sample.error.is_none());
        good.map(|sample| sample.due + sample.took).min()
    }

    /// Sends no more calls and waits for those in flight.
    pub(crate) async fn stop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        if let Some(generator) = self.generator.take() {
            // It sleeps for one interval at most and cannot panic.
            let _ = tokio::task::block_in_place(|| generator.join());
        }
        while self.shared.in_flight.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
    }
}

impl Module {
    fn new(name: &str) -> Self {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "call_module_tool", "arguments": { "module": name, "tool": "whoami", "arguments": {} },
        } });
        Self { body: body.to_string(), login: login(name), samples: Mutex::default() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Sample>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn generate(shared: &Arc<Shared>, runtime: &Handle, every: Duration) {
    let mut due = Instant::now();
    for index in (0..shared.modules.len()).cycle() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        due += every;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        shared.in_flight.fetch_add(1, Ordering::SeqCst);
        let shared = Arc::clone(shared);
        runtime.spawn(async move {
            let module = &shared.modules[index];
            let late = due.elapsed();
            let error = shared.call(module).await;
            module.lock().push(Sample { due, late, took: due.elapsed(), error });
            shared.in_flight.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

impl Shared {
    /// Makes one call; returns what was wrong with the response.
    async fn call(&self, module: &Module) -> Option<String> {
        let request = self
            .client
            .post(&self.url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
            .body(module.body.clone());
        let text = match async { request.send().await?.text().await }.await {
            Ok(text) => text,
            Err(error) => return Some(format!("no response: {}", error.without_url())),
        };
        let Ok(answer) = serde_json::from_str::<Value>(&text) else {
            return Some(format!("not JSON: {text}"));
        };
        let result = &answer["result"];
        if let Some(code) = result["structuredContent"]["error"]["code"].as_str() {
            return Some(code.to_owned());
        }
        // The right login proves that the right credential was sent.
        (!text.contains(&module.login)).then(|| format!("another response: {text}"))
    }
}
