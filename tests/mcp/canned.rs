//! A service on loopback that returns what a test says, byte for byte, and keeps what it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::server::{ServerBuilder, TestServer};
use crate::stdio::Stdio;

/// The manifest of the module `svc`, which calls [`CannedService`].
pub(crate) const MANIFEST: &str = r#"
format = 1
name = "svc"
version = "1.0.0"
title = "Svc"
description = "A service with any answers"

[http]
base_url = "https://svc.example"
errors = { message = "message" }
page = { style = "link-header" }

[credential]
kind = "bearer"

[[tools]]
name = "item"
description = "Read an item"
side_effect = "none"
request = { method = "GET", path = "/items/{number}", query = ["page", "tags"], headers = { x-number = "{header}" } }
select = "{number: number, title: title}"
input.required = ["number"]
input.properties.number = { type = "number", description = "Its number" }
input.properties.page = { type = "integer", description = "The page" }
input.properties.tags = { type = "array", description = "Numbers" }
input.properties.header = { type = "number", description = "A number for a header" }

[[tools]]
name = "add_item"
description = "Add an item"
side_effect = "write"
request = { method = "POST", path = "/items", body = ["number"] }
select = "{number: number, title: title}"
input.properties.number = { type = "integer", description = "Its number" }

[[tools]]
name = "get_secret_item"
description = "Read an item whose answer contains secrets"
side_effect = "none"
request = { method = "GET", path = "/secret" }
select = "{number: number}"
full = false

[[tools]]
name = "get"
description = "Read anything"
side_effect = "none"
request = { method = "GET", path = "/anything" }

[[tools]]
name = "write"
description = "Write anything"
side_effect = "write"
request = { method = "POST", path = "/anything", body = "{payload}" }
input.properties.payload = { description = "Anything" }

[[tools]]
name = "file"
description = "Read a file"
side_effect = "none"
opaque = true
request = { method = "GET", path = "/files/{path*}" }
input.required = ["path"]
input.properties.path = { type = "string", description = "Its path" }

[[tools]]
name = "write_file"
description = "Write a file"
side_effect = "write"
request = { method = "PUT", path = "/files/{path*}" }
input.required = ["path"]
input.properties.path = { type = "string", description = "Its path" }
"#;

/// What a service was sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    /// Method, target, version and header fields.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Sent {
    /// The path with its query.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    /// Whether it has this header field, as it was sent.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.head.lines().any(|line| line == field)
    }
}

#[derive(Debug, Default)]
struct Script {
    /// `None` returns the body of the request as JSON.
    response: Option<Vec<u8>>,
    sent: Sent,
    requests: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct CannedService {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl CannedService {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = Self { address: listener.local_addr().unwrap(), script: Arc::default() };
        let serving = service.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(connection));
            }
        });
        service
    }

    async fn serve(self, mut connection: TcpStream) {
        let mut received = Vec::new();
        let head = loop {
            match received.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break String::from_utf8(received[..end].to_vec()).unwrap(),
                None if connection.read_buf(&mut received).await.unwrap_or(0) == 0 => return,
                None => {}
            }
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let whole = head.len() + 4 + length.unwrap_or(0_usize);
        while received.len() < whole {
            assert!(connection.read_buf(&mut received).await.unwrap() > 0, "the request is cut off");
        }
        let body = received.split_off(head.len() + 4);
        let response = {
            let mut script = self.script.lock().unwrap();
            script.requests += 1;
            let echo = || raw("HTTP/1.1 200 OK\r\nContent-Type: application/json", &body);
            let response = script.response.clone().unwrap_or_else(echo);
            script.sent = Sent { head, body };
            response
        };
        connection.write_all(&response).await.unwrap();
    }

    /// Returns these bytes from now on, and then closes the connection.
    pub(crate) fn respond_raw(&self, response: &[u8]) {
        self.script.lock().unwrap().response = Some(response.to_vec());
    }

    /// Returns `head` (status and header fields, in lines) and `body` from now on.
    pub(crate) fn respond(&self, head: &str, body: impl AsRef<[u8]>) {
        self.respond_raw(&raw(&format!("HTTP/1.1 {}", head.replace('\n', "\r\n")), body.as_ref()));
    }

    /// The last request.
    pub(crate) fn sent(&self) -> Sent {
        self.script.lock().unwrap().sent.clone()
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> usize {
        self.script.lock().unwrap().requests
    }
}

fn raw(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    [format!("{head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n").as_bytes(), body].concat()
}

/// A server whose modules `svc`, `github` and `supabase_data` call one [`CannedService`].
pub(crate) struct Canned {
    pub(crate) server: TestServer,
    pub(crate) service: CannedService,
}

fn builder(service: &CannedService) -> ServerBuilder {
    let modules = ["svc", "github", "supabase_data"].map(|module| (module.to_owned(), vec!["work"]));
    ServerBuilder { modules: modules.into(), canned: Some(service.address), ..ServerBuilder::default() }
}

impl Canned {
    pub(crate) async fn start() -> Self {
        let service = CannedService::start().await;
        Self { server: builder(&service).start().await, service }
    }

    /// The same modules on standard input and output.
    pub(crate) async fn stdio() -> (Stdio, CannedService) {
        let service = CannedService::start().await;
        (Stdio::start_with(builder(&service), Duration::ZERO).await, service)
    }

    /// The result of a tool. `arguments` is JSON as a client writes it.
    pub(crate) async fn call(&self, module: &str, tool: &str, arguments: &str) -> Value {
        let arguments: Value = serde_json::from_str(arguments).unwrap();
        let call = json!({ "module": module, "tool": tool, "arguments": arguments });
        self.server.tool("call_module_tool", call).await
    }
}
