//! MCP over standard input and output: one JSON-RPC message a line.
//!
//! rmcp's own transport drops a line that is no JSON without an answer; a client that waits for one waits for ever.
//! This one answers with a parse error, reads on, and never ends for what a line holds.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorData, GetMeta as _, JsonRpcMessage,
    ProtocolVersion, RequestId, ServerJsonRpcMessage,
};
use rmcp::service::{RoleServer, ServerInitializeError, ServiceExt as _};
use rmcp::transport::{Transport, stdio_pipes};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
    BufReader,
};
use tokio::sync::{Mutex, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Handler, MAX_REQUEST_BYTES, REVISIONS, malformed};

/// How many messages may wait between the reader and the handler.
const WAITING: usize = 64;

/// How long calls that were cancelled have to be answered in.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves one client on standard input and output, until it closes its end or `shutdown` is cancelled. What is in
/// flight then has `drain` to finish; after that it is answered `cancelled`.
///
/// # Errors
///
/// Where standard output breaks during the handshake. A client that goes before it has said a word is no error.
pub async fn serve_stdio(handler: Handler, shutdown: CancellationToken, drain: Duration) -> io::Result<()> {
    let (input, output) = stdio_pipes();
    serve_lines(handler, input, output, shutdown, drain).await
}

/// [`serve_stdio`] over any two streams.
///
/// # Errors
///
/// As there.
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
    let (messages, incoming) = mpsc::channel(WAITING);
    let (open, mut unanswered) = watch::channel(HashSet::new());
    let lines = Lines { incoming, output: Arc::new(Mutex::new(output)), open: Arc::new(open) };
    let reader = Reader { messages, output: lines.output.clone(), open: lines.open.clone() };
    let stop = handler.stop.clone();
    let reading = tokio::spawn(async move {
        reader.read(BufReader::new(input), shutdown).await;
        if tokio::time::timeout(drain, unanswered.wait_for(HashSet::is_empty)).await.is_err() {
            stop.cancel();
            let _ = tokio::time::timeout(LAST_WORDS, unanswered.wait_for(HashSet::is_empty)).await;
        }
        // With the reader goes the last sender, which is how the handler learns of the end.
        drop(reader);
    });
    let ended = match handler.serve(lines).await {
        Ok(running) => running.waiting().await.map(drop).map_err(io::Error::other),
        Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        // Its own words may repeat a message.
        Err(_) => {
            Err(io::Error::other("the client could not be met: its handshake failed or its output broke"))
        }
    };
    reading.abort();
    ended
}

/// The requests that have no answer yet.
type Open = Arc<watch::Sender<HashSet<RequestId>>>;

/// The transport that rmcp sees.
struct Lines<W> {
    incoming: mpsc::Receiver<ClientJsonRpcMessage>,
    output: Arc<Mutex<W>>,
    open: Open,
}

impl<W: AsyncWrite + Unpin + Send + 'static> Transport<RoleServer> for Lines<W> {
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        let (output, open) = (self.output.clone(), self.open.clone());
        async move {
            let written = write(&output, &message).await;
            let answered = match &message {
                JsonRpcMessage::Response(response) => Some(&response.id),
                JsonRpcMessage::Error(error) => error.id.as_ref(),
                _ => None,
            };
            if let Some(id) = answered {
                open.send_modify(|open| {
                    open.remove(id);
                });
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

/// Writes one message and its newline, whole.
async fn write<W: AsyncWrite + Unpin>(output: &Mutex<W>, message: &ServerJsonRpcMessage) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut output = output.lock().await;
    output.write_all(&line).await?;
    output.flush().await
}

/// Reads lines, answers those that are no message, and hands on the others.
struct Reader<W> {
    messages: mpsc::Sender<ClientJsonRpcMessage>,
    output: Arc<Mutex<W>>,
    open: Open,
}

impl<W: AsyncWrite + Unpin> Reader<W> {
    /// Until the input ends, breaks, or `shutdown` is cancelled.
    async fn read(&self, mut input: impl AsyncBufRead + Unpin, shutdown: CancellationToken) {
        let mut line = Vec::new();
        let mut met = false;
        loop {
            let read = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                read = next_line(&mut input, &mut line) => read,
            };
            let refusal = match read {
                Err(_) | Ok(Line::End) => return,
                Ok(Line::Blank) => continue,
                Ok(Line::TooLong) => Some(ServerJsonRpcMessage::error(
                    ErrorData::parse_error(format!("a message may have {MAX_REQUEST_BYTES} bytes"), None),
                    None,
                )),
                Ok(Line::Whole) => match serde_json::from_slice::<ClientJsonRpcMessage>(&line) {
                    Ok(message) => {
                        let request = matches!(message, JsonRpcMessage::Request(_));
                        met |= begins(&message);
                        // Before they have met, rmcp would end the connection for anything but a request.
                        if (met || request) && !self.hand_on(message).await {
                            return;
                        }
                        None
                    }
                    Err(_) => malformed::refusal(&line),
                },
            };
            if let Some(refusal) = refusal
                && write(&self.output, &refusal).await.is_err()
            {
                return;
            }
        }
    }

    /// False where nobody listens any more.
    async fn hand_on(&self, message: ClientJsonRpcMessage) -> bool {
        match &message {
            JsonRpcMessage::Request(request) => {
                self.open.send_modify(|open| {
                    open.insert(request.id.clone());
                });
            }
            // A cancelled request gets no answer.
            JsonRpcMessage::Notification(sent) => {
                if let ClientNotification::CancelledNotification(cancelled) = &sent.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.open.send_modify(|open| {
                        open.remove(id);
                    });
                }
            }
            _ => {}
        }
        self.messages.send(message).await.is_ok()
    }
}

/// Whether rmcp takes this for the beginning of a conversation: the handshake, or a request that needs none.
fn begins(message: &ClientJsonRpcMessage) -> bool {
    let JsonRpcMessage::Request(sent) = message else { return false };
    match &sent.request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
        stateless => {
            let meta = stateless.get_meta();
            meta.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
                && meta.protocol_version().is_some_and(|revision| REVISIONS.contains(&revision))
        }
    }
}

/// What [`next_line`] found.
enum Line {
    Whole,
    Blank,
    TooLong,
    End,
}

/// Reads one line into `line`, without its end; a last one needs none. Of one that is too long nothing is kept.
async fn next_line(input: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    let limit = MAX_REQUEST_BYTES as u64 + 1;
    if (&mut *input).take(limit).read_until(b'\n', line).await? == 0 {
        return Ok(Line::End);
    }
    if line.last() != Some(&b'\n') && line.len() > MAX_REQUEST_BYTES {
        while line.last() != Some(&b'\n') {
            line.clear();
            if (&mut *input).take(limit).read_until(b'\n', line).await? == 0 {
                break;
            }
        }
        line.clear();
        return Ok(Line::TooLong);
    }
    line.truncate(line.trim_ascii_end().len());
    Ok(if line.is_empty() { Line::Blank } else { Line::Whole })
}
