//! The MCP transport over standard input and output.
//!
//! The stdio transport of rmcp drops a line that is not JSON without a response, and its client waits forever. This one
//! responds with a parse error and continues, whatever a line contains.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::files::BYTE_ORDER_MARK;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorData, GetExtensions as _, GetMeta as _,
    JsonRpcMessage, ProtocolVersion, ServerJsonRpcMessage,
};
use rmcp::service::{RoleServer, ServerInitializeError, ServiceExt as _};
use rmcp::transport::{Transport, stdio_pipes};
use serde::Serialize;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::framing::{Line, read_line, write_message};
use super::handler::Handler;
use super::large::{LARGE_BYTES, MAX_REQUEST_NODES, RequestMemory, RequestReservation};
use super::malformed::{self, ErrorResponse};
use super::params;
use super::pending::PendingRequests;
use super::protocol::{MAX_REQUEST_BYTES, REVISIONS};
use crate::background;
use crate::caller::Caller;
use crate::json_meter::measure;
use crate::memory_budget::MemoryBudget;

/// The capacity of the queue between the reader and the handler, in messages.
const QUEUE_CAPACITY: usize = 64;

/// The grace period in which the responses of cancelled calls are sent at the end of a shutdown.
const GRACE_PERIOD: Duration = Duration::from_secs(1);

/// Serves one client on standard input and output, until it closes standard input or `shutdown` is cancelled.
///
/// Requests in flight then have `drain` to finish. After that they are cancelled; their result is `cancelled`.
///
/// # Errors
///
/// Returns an error if the handshake fails or standard output breaks during it. It is not an error if the client disconnects
/// before the handshake.
pub async fn serve_stdio(handler: Handler, shutdown: CancellationToken, drain: Duration) -> io::Result<()> {
    let (input, output) = stdio_pipes();
    serve_lines(handler, input, output, shutdown, drain).await
}

/// Like [`serve_stdio`], over any two streams.
///
/// # Errors
///
/// See [`serve_stdio`].
pub async fn serve_lines<R, W>(
    handler: Handler,
    input: R,
    output: W,
    shutdown: CancellationToken,
    drain: Duration,
) -> io::Result<()>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (messages, incoming) = mpsc::channel(QUEUE_CAPACITY);
    let pending = Arc::new(PendingRequests::new(handler.max_pending()));
    let lines = Lines { incoming, output: Arc::new(Mutex::new(output)), pending: pending.clone() };
    let memory = handler.memory().clone();
    let reader = Reader { messages, output: lines.output.clone(), pending: pending.clone(), memory };
    let stop = handler.stop();
    let reading = tokio::spawn(async move {
        reader.read(BufReader::new(input), shutdown).await;
        if tokio::time::timeout(drain, pending.all_done()).await.is_err() {
            stop.cancel();
            let _ = tokio::time::timeout(GRACE_PERIOD, pending.all_done()).await;
        }
        // Drops the last sender, which ends the handler's input.
        drop(reader);
    });
    let result = match handler.serve(lines).await {
        Ok(running) => running.waiting().await.map(drop).map_err(io::Error::other),
        Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        // The error of rmcp is omitted, since it may quote a message.
        Err(_) => Err(io::Error::other("MCP handshake failed")),
    };
    reading.abort();
    result
}

/// The transport for rmcp.
struct Lines<W> {
    incoming: mpsc::Receiver<ClientJsonRpcMessage>,
    output: Arc<Mutex<W>>,
    pending: Arc<PendingRequests>,
}

impl<W: AsyncWrite + Unpin + Send + 'static> Transport<RoleServer> for Lines<W> {
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        let (output, pending) = (self.output.clone(), self.pending.clone());
        async move {
            let written = write_message(&output, &message).await;
            let id = match &message {
                JsonRpcMessage::Response(response) => Some(&response.id),
                JsonRpcMessage::Error(error) => error.id.as_ref(),
                _ => None,
            };
            if let Some(id) = id {
                pending.remove(id);
            }
            written
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        self.incoming.recv().await
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        self.output.lock().await.flush().await
    }
}

/// What the reader itself responds to a message.
#[derive(Serialize)]
#[serde(untagged)]
enum Response {
    /// It could not be parsed.
    Malformed(Box<ErrorResponse>),
    /// It is not admitted.
    Refused(Box<ServerJsonRpcMessage>),
}

/// Reads lines, forwards messages to the handler, and responds to malformed lines.
struct Reader<W> {
    messages: mpsc::Sender<ClientJsonRpcMessage>,
    output: Arc<Mutex<W>>,
    pending: Arc<PendingRequests>,
    memory: MemoryBudget,
}

impl<W: AsyncWrite + Unpin> Reader<W> {
    /// Reads until the input ends or fails, or `shutdown` is cancelled.
    async fn read(&self, mut input: impl AsyncBufRead + Unpin, shutdown: CancellationToken) {
        let mut line = Vec::new();
        let mut initialized = false;
        loop {
            let read = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                read = read_line(&mut input, &mut line) => read,
            };
            let error = match read {
                Err(_) | Ok(Line::End) => return,
                Ok(Line::Blank) => continue,
                Ok(Line::TooLong(id)) => {
                    let message = format!("the message has more than {MAX_REQUEST_BYTES} bytes");
                    let error = ErrorData::parse_error(message, None);
                    Some(Response::Malformed(Box::new(ErrorResponse::new(id, error))))
                }
                Ok(Line::Complete) => match self.parse(&mut line).await {
                    // No notification of MCP is large.
                    Ok(None) => continue,
                    Ok(Some(message)) => {
                        let request = matches!(message, JsonRpcMessage::Request(_));
                        initialized |= initializes(&message);
                        // Before the handshake, rmcp closes the connection on any message that is not a request.
                        match self.register(&message) {
                            Ok(()) if (initialized || request) && !self.forward(message).await => return,
                            registered => registered.err().map(Response::Refused),
                        }
                    }
                    Err(error) => error,
                },
            };
            if let Some(error) = error
                && write_message(&self.output, &error).await.is_err()
            {
                return;
            }
        }
    }

    /// Parses a message. Takes `line` if it is large.
    ///
    /// # Errors
    ///
    /// See [`parse`].
    async fn parse(&self, line: &mut Vec<u8>) -> Result<Option<ClientJsonRpcMessage>, Option<Response>> {
        if line.len() <= LARGE_BYTES {
            return parse(without_byte_order_mark(line), &self.memory);
        }
        let (line, memory) = (std::mem::take(line), self.memory.clone());
        background::run(async move { parse(without_byte_order_mark(&line), &memory) }).await
    }

    /// Adds a request to the pending ones, or removes the one that a notification cancels.
    ///
    /// # Errors
    ///
    /// The response to a request that is refused. The reader writes it itself, so that a client that reads no responses
    /// is read no further.
    fn register(&self, message: &ClientJsonRpcMessage) -> Result<(), Box<ServerJsonRpcMessage>> {
        match message {
            JsonRpcMessage::Request(request) => self.pending.add(request)?,
            // A cancelled request gets no response.
            JsonRpcMessage::Notification(message) => {
                if let ClientNotification::CancelledNotification(cancelled) = &message.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.pending.remove(id);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Forwards a message to the handler. Returns whether the handler is still running.
    async fn forward(&self, message: ClientJsonRpcMessage) -> bool {
        self.messages.send(message).await.is_ok()
    }
}

/// Parses a message. A large one takes memory first, which a request keeps and any other message does not: that is dropped.
///
/// # Errors
///
/// Returns the response, if there is one. A notification has none.
fn parse(line: &[u8], memory: &MemoryBudget) -> Result<Option<ClientJsonRpcMessage>, Option<Response>> {
    let size = measure(line);
    let Some(needed) = RequestMemory::of(line.len(), size) else {
        return message(line).map(Some);
    };
    let refused = |message: String| {
        let error = ErrorData::invalid_request(message, None);
        Some(Response::Malformed(Box::new(malformed::refusal(line, error))))
    };
    if size.nodes > MAX_REQUEST_NODES {
        return Err(refused(format!("the message has more than {MAX_REQUEST_NODES} values")));
    }
    let taken = memory.parsing().take(&Caller::local(), needed.parsing + needed.running);
    let memory = taken.map_err(|_refused| {
        refused("the memory for large requests (`server.memory_budget`) is in use; try again".to_owned())
    })?;
    let mut message = message(line)?;
    let JsonRpcMessage::Request(request) = &mut message else { return Ok(None) };
    let memory = RequestReservation::new(needed, memory);
    memory.parsed();
    request.request.extensions_mut().insert(memory);
    Ok(Some(message))
}

/// Parses a line. Before the handshake, rmcp has no message for a method whose parameters do not fit.
fn message(line: &[u8]) -> Result<ClientJsonRpcMessage, Option<Response>> {
    let message = serde_json::from_slice(line)
        .map_err(|_| malformed::error_response(line).map(Box::new).map(Response::Malformed))?;
    if let JsonRpcMessage::Request(request) = &message
        && let ClientRequest::CustomRequest(custom) = &request.request
        && let Some(error) = params::misfit(custom, request.request.get_meta().protocol_version().as_ref())
    {
        let response = ServerJsonRpcMessage::error(error, Some(request.id.clone()));
        return Err(Some(Response::Refused(Box::new(response))));
    }
    Ok(message)
}

/// Some shells on Windows put a byte-order mark at the start of what they write.
fn without_byte_order_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(BYTE_ORDER_MARK.as_bytes()).unwrap_or(line)
}

/// Returns whether rmcp accepts any message after this one: it is the handshake, or a request that needs none.
fn initializes(message: &ClientJsonRpcMessage) -> bool {
    let JsonRpcMessage::Request(message) = message else { return false };
    match &message.request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
        stateless => {
            let meta = stateless.get_meta();
            meta.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
                && meta.protocol_version().is_some_and(|revision| REVISIONS.contains(&revision))
        }
    }
}
