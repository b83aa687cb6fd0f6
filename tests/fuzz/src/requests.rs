//! Messages of clients, over HTTP and on stdio.

use std::net::SocketAddr;
use std::sync::LazyLock;

use arbitrary::Unstructured;
use cofferdam::caller::Caller;
use cofferdam::http::Server;
use cofferdam::mcp::{Handler, serve_lines};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::app::{LIMIT, SECRET, app};

/// The server over HTTP of this process.
static ADDRESS: LazyLock<SocketAddr> = LazyLock::new(|| {
    let app = app();
    app.runtime.block_on(async {
        let server = Server::bind(&app.server, &app.access, app.calls.clone()).await.unwrap();
        let address = server.address();
        tokio::spawn(server.run(CancellationToken::new()));
        address
    })
});

/// How the names of the metadata begin.
const META: &str = "io.modelcontextprotocol";

/// The IDs of the handshake and of the ping that ends the input.
const BEGIN: &str = "fuzz-begin";
const END: &str = "fuzz-end";

/// The methods that are served. None of them is ever missing.
const METHODS: [&str; 3] = ["tools/call", "tools/list", "ping"];

/// Every request gets exactly one response with its ID, the same from both transports; what is none gets none; and nothing
/// contains the credential.
pub fn request(data: &[u8]) {
    let message = message(data);
    let expected = Expected::of(&message);
    if expected.id.as_ref().is_some_and(|id| [BEGIN, END].contains(&id.as_str().unwrap_or_default())) {
        return;
    }
    // Started before anything runs in the runtime.
    let address = *ADDRESS;
    let page = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 6\r\n\r\n[1, 2]";
    app().run(page.to_vec(), async {
        let (stdio, http) =
            tokio::join!(on_stdio(&message, &expected), over_http(address, &message, &expected));
        // Only a session has a handshake, and white space between two lines is none.
        if !expected.stateless && expected.count != Count::Blank {
            assert_eq!(stdio, http, "on stdio and over HTTP");
        }
    });
}

/// A message on one line: any bytes, or a request with any bytes as one of its members.
fn message(data: &[u8]) -> Vec<u8> {
    let mut choices = Unstructured::new(data);
    let kind = choices.arbitrary::<u8>().unwrap_or_default();
    let rest: Vec<u8> = choices.take_rest().iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect();
    let around = |before: &str, after: &str| [before.as_bytes(), &rest, after.as_bytes()].concat();
    match kind % 6 {
        0 => rest,
        1 => around("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":", "}"),
        2 => around(
            "{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{\"name\":\"get_module_schema\",\"arguments\":",
            "},\"id\":\"x\"}",
        ),
        3 => around(
            "{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{\"name\":\"call_module_tool\",\"arguments\":\
             {\"module\":\"svc\",\"tool\":\"list\",\"arguments\":",
            "}},\"id\":\"x\"}",
        ),
        4 => around("{\"jsonrpc\":\"2.0\",\"method\":\"ping\",\"id\":", "}"),
        _ => around("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\",", "}"),
    }
}

/// How many responses a message gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    /// On stdio none, and over HTTP an error.
    Blank,
    None,
    One,
    /// It cannot be read, so only the server can tell.
    AtMostOne,
}

/// What a client expects of the server.
struct Expected {
    count: Count,
    /// The ID of the message, if it is a request that waits for a response.
    id: Option<Value>,
    /// Whether its method is served.
    known: bool,
    /// Whether it may be of the stateless revision.
    stateless: bool,
}

impl Expected {
    fn of(message: &[u8]) -> Self {
        // The metadata of the stateless revision has rules of its own.
        let stateless = message.windows(META.len()).any(|part| part == META.as_bytes());
        let unknown = |count| Self { count, id: None, known: false, stateless };
        if message.trim_ascii().is_empty() {
            return unknown(Count::Blank);
        }
        let Ok(parsed) = serde_json::from_slice::<Value>(message) else { return unknown(Count::AtMostOne) };
        let is_response = parsed.get("result").or(parsed.get("error")).is_some();
        let method = parsed["method"].as_str();
        let is_notification = method.is_some() && parsed.get("id").is_none();
        if is_notification || (is_response && parsed.get("method").is_none()) {
            return unknown(Count::None);
        }
        let id = parsed.get("id").filter(|id| id.is_string() || id.is_number());
        let known = method.is_some_and(|method| METHODS.contains(&method)) && !stateless;
        Self { count: Count::One, id: id.cloned(), known, stateless }
    }

    /// Checks the responses that the message got, and returns the one that there may be.
    fn check(&self, mut responses: Vec<Value>) -> Option<Value> {
        let response = responses.pop();
        assert!(responses.is_empty(), "more than one response: {responses:?} {response:?}");
        match self.count {
            Count::None => assert_eq!(response, None, "a response to what is no request"),
            Count::One => assert!(response.is_some(), "a request has no response"),
            Count::AtMostOne | Count::Blank => {}
        }
        let response = response?;
        assert_eq!(response["jsonrpc"], "2.0", "{response}");
        assert!(!response.to_string().contains(SECRET), "{response}");
        assert_ne!(response.get("result").is_some(), response.get("error").is_some(), "{response}");
        if let Some(id) = &self.id {
            assert!(same(id, &response["id"]), "a response to {id}: {response}");
        } else if self.count == Count::One {
            assert_eq!((&response["id"], response.get("result")), (&Value::Null, None), "{response}");
        }
        if self.known {
            assert_ne!(response["error"]["code"], -32601, "{response}");
        }
        Some(response)
    }
}

/// Whether two IDs are equal: `1.0` is the integer 1.
fn same(sent: &Value, received: &Value) -> bool {
    sent == received || sent.is_number() && received.is_number() && sent.as_f64() == received.as_f64()
}

/// Sends the message between a handshake and a ping. Returns its response.
async fn on_stdio(message: &[u8], expected: &Expected) -> Option<Value> {
    let handler = Handler::for_caller(app().calls.clone(), LIMIT, CancellationToken::new(), Caller::local());
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (read, write) = tokio::io::split(theirs);
    let session = tokio::spawn(serve_lines(handler, read, write, CancellationToken::new(), LIMIT));
    let (read, mut input) = tokio::io::split(ours);
    let mut lines = BufReader::new(read).lines();
    let client = json!({ "name": "fuzz", "version": "1" });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
    let initialize = json!({ "jsonrpc": "2.0", "id": BEGIN, "method": "initialize", "params": params });
    let ping = json!({ "jsonrpc": "2.0", "id": END, "method": "ping" });
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let (before, after) = (format!("{initialize}\n{initialized}\n"), format!("\n{ping}\n"));
    input.write_all(&[before.as_bytes(), message, after.as_bytes()].concat()).await.unwrap();
    // A session ends once every request has its response.
    input.shutdown().await.unwrap();
    let mut responses = Vec::new();
    while let Some(line) = timeout(LIMIT, lines.next_line()).await.expect("the session hangs").unwrap() {
        responses.push(serde_json::from_str::<Value>(&line).unwrap());
    }
    timeout(LIMIT, session).await.expect("the session does not end").unwrap().unwrap();
    for id in [BEGIN, END] {
        let before = responses.len();
        responses.retain(|response| response["id"] != id);
        assert_eq!(before - responses.len(), 1, "responses to {id}");
    }
    expected.check(responses)
}

/// Posts the message. Returns its response.
async fn over_http(address: SocketAddr, message: &[u8], expected: &Expected) -> Option<Value> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n\
         mcp-protocol-version: 2025-11-25\r\ncontent-length: {}\r\n\r\n",
        message.len()
    );
    stream.write_all(&[head.as_bytes(), message].concat()).await.unwrap();
    let mut answer = Vec::new();
    timeout(LIMIT, stream.read_to_end(&mut answer)).await.expect("no response").unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(!answer.contains(SECRET), "{answer}");
    let status: u16 = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect(&answer);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let mut responses = Vec::new();
    if !body.is_empty() {
        let response: Value = serde_json::from_str(body).unwrap();
        // The transport refuses a response of a client: that error belongs to the HTTP request, and has no ID.
        if status != 400 || response.get("id").is_some() {
            responses.push(response);
        }
    }
    assert!(status != 202 || body.is_empty(), "{answer}");
    assert!(matches!(status, 200 | 202 | 400 | 404 | 413), "{answer}");
    expected.check(responses)
}
