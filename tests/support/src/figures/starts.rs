//! How soon a server serves, how much memory it needs, and how much a client has to read.

use std::time::Duration;

use serde_json::json;

use super::figure::Figure;
use super::{Environment, Environments, Failed, Plan, Program, Server};
use crate::measure::{median, span};

/// Bytes of a megabyte.
const MB: f64 = 1e6;

/// The timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An HTTP client.
struct Client(reqwest::Client);

impl Client {
    fn new() -> Result<Self, Failed> {
        Ok(Self(reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?))
    }

    /// The length of the response to `tools/list`, in bytes.
    async fn listed(&self, server: &Server) -> Result<usize, Failed> {
        let request = self
            .0
            .post(&server.process.mcp)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
            .json(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }));
        let text = request.send().await?.error_for_status()?.text().await?;
        match text.contains("call_module_tool") {
            true => Ok(text.len()),
            false => Err(format!("the response to tools/list is {text}").into()),
        }
    }

    /// Returns when `/readyz` reports that it is ready.
    async fn ready(&self, server: &Server) -> Result<(), Failed> {
        let url = server.process.mcp.replace("/mcp", "/readyz");
        self.0.get(url).send().await?.error_for_status()?;
        Ok(())
    }
}

fn start(program: &Program, environment: &Environment) -> Result<Server, Failed> {
    Server::start(&mut environment.serve(program), &environment.folder)
}

fn ms(spans: &[Duration]) -> impl Iterator<Item = f64> + Clone + '_ {
    spans.iter().map(|span| span.as_secs_f64() * 1e3)
}

/// A laptop's server: the shipped profile `dev`.
///
/// # Errors
///
/// If the server cannot be started or measured.
pub async fn laptop(
    plan: &Plan,
    program: &Program,
    environments: &Environments,
) -> Result<Vec<Figure>, Failed> {
    let (client, environment) = (Client::new()?, environments.laptop()?);
    let mut answered = Vec::new();
    let mut idle = Vec::new();
    for _ in 0..plan.starts {
        let mut server = start(program, &environment)?;
        client.listed(&server).await?;
        answered.push(server.spawned.elapsed());
        server.wait_for_banner();
        tokio::time::sleep(plan.idle).await;
        idle.push(server.process.resident()? / MB);
    }
    let (first, resident) = (median(ms(&answered)), median(idle.iter().copied()));
    Ok(vec![
        Figure::new(
            "first answer after the start of the process, profile `dev`",
            "≤ 150 ms",
            format!("{first:.0} ms ({})", span(ms(&answered), 0)),
            first <= 150.0,
        ),
        Figure::new(
            "memory of that server, idle",
            "≤ 40 MB",
            format!("{resident:.1} MB ({})", span(idle.iter().copied(), 1)),
            resident <= 40.0,
        ),
    ])
}

/// What a client has to read before it can call anything: with the catalogue.
///
/// # Errors
///
/// If the server cannot be started or asked.
pub async fn list(program: &Program, environments: &Environments) -> Result<Vec<Figure>, Failed> {
    let server = start(program, &environments.catalogue()?)?;
    let bytes = Client::new()?.listed(&server).await?;
    Ok(vec![Figure::new(
        "answer to `tools/list`, all modules of the catalogue",
        "≤ 4 KiB",
        format!("{bytes} bytes"),
        bytes <= 4 * 1024,
    )])
}

/// As many modules as the program is built for.
///
/// # Errors
///
/// If the server cannot be started or measured.
pub async fn many(
    plan: &Plan,
    program: &Program,
    environments: &Environments,
) -> Result<Vec<Figure>, Failed> {
    let (client, environment) = (Client::new()?, environments.many(plan.modules)?);
    let (mut ready, mut resident, mut peak, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..plan.starts {
        let mut server = start(program, &environment)?;
        client.ready(&server).await?;
        ready.push(server.spawned.elapsed());
        bytes = client.listed(&server).await?;
        server.wait_for_banner();
        tokio::time::sleep(plan.idle).await;
        resident.push(server.process.resident()? / MB);
        peak.push(server.process.peak()? / MB);
    }
    let (time, memory) = (median(ms(&ready)), median(resident.iter().copied()));
    let of = format!("{} modules × 20 tools", plan.modules);
    Ok(vec![
        Figure::new(
            format!("answer to `tools/list`, {} modules", plan.modules),
            "≤ 6 KiB",
            format!("{bytes} bytes"),
            bytes <= 6 * 1024,
        ),
        Figure::new(
            format!("start with {of}: from the start of the process until it is ready"),
            "≤ 1 s",
            format!("{:.2} s ({} ms)", time / 1e3, span(ms(&ready), 0)),
            time <= 1000.0,
        ),
        Figure::new(
            format!("memory with {of}"),
            "≤ 150 MB",
            format!(
                "{memory:.0} MB ({}), at most {:.0} MB while it starts",
                span(resident.iter().copied(), 0),
                median(peak.iter().copied())
            ),
            memory <= 150.0,
        ),
    ])
}
