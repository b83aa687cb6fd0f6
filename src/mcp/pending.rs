//! The requests of a client on stdio that have no response yet, and a bound on them.
//!
//! rmcp starts a task for each request, and another one for each response. Over HTTP the connections bound both. On
//! stdio nothing would: a client that sends requests and reads no responses would use up the memory.

use std::collections::HashSet;
use std::time::Duration;

use rmcp::model::{ClientRequest, ErrorData, JsonRpcRequest, RequestId, ServerJsonRpcMessage, ServerResult};
use tokio::sync::watch;

use super::results;
use crate::calls::{CallError, Code};

/// How many requests of the bound are not for calls, so that a client can always ping and list tools.
const RESERVED: usize = 64;

/// The requests that have no response yet.
#[derive(Debug)]
pub(super) struct PendingRequests {
    requests: watch::Sender<HashSet<RequestId>>,
    max: usize,
}

impl PendingRequests {
    /// At most `max` requests, and [`RESERVED`] further ones that are not calls.
    pub(super) fn new(max: usize) -> Self {
        Self { requests: watch::Sender::new(HashSet::new()), max }
    }

    /// Adds a request.
    ///
    /// # Errors
    ///
    /// The response, if too many requests are pending, or one with the same ID.
    pub(super) fn add(
        &self,
        request: &JsonRpcRequest<ClientRequest>,
    ) -> Result<(), Box<ServerJsonRpcMessage>> {
        let is_call = matches!(request.request, ClientRequest::CallToolRequest(_));
        let max = if is_call { self.max } else { self.max.saturating_add(RESERVED) };
        let mut result = Ok(());
        self.requests.send_if_modified(|requests| {
            if requests.contains(&request.id) {
                result = Err(Box::new(duplicate(&request.id)));
            } else if requests.len() >= max {
                result = Err(Box::new(too_many(&request.id, is_call, max)));
            } else {
                requests.insert(request.id.clone());
            }
            result.is_ok()
        });
        result
    }

    /// Removes a request that has its response, or will not get one.
    pub(super) fn remove(&self, id: &RequestId) {
        self.requests.send_if_modified(|requests| requests.remove(id));
    }

    /// Returns once no request is pending.
    pub(super) async fn all_done(&self) {
        // Cannot fail: `self` holds the sender.
        let _ = self.requests.subscribe().wait_for(HashSet::is_empty).await;
    }
}

/// rmcp identifies a request by its ID: it would drop one of the two responses.
fn duplicate(id: &RequestId) -> ServerJsonRpcMessage {
    let error = ErrorData::invalid_request("a request with this id has no response yet; use a new id", None);
    ServerJsonRpcMessage::error(error, Some(id.clone()))
}

fn too_many(id: &RequestId, is_call: bool, max: usize) -> ServerJsonRpcMessage {
    tracing::warn!(
        max,
        "a request is refused, because as many have no response yet; raise `server.max_calls`"
    );
    let message =
        format!("The server already works on {max} requests of this client, its maximum. Try again.");
    if is_call {
        let error = CallError::not_sent(Code::RateLimited, message).retry_after(Some(Duration::from_secs(1)));
        let result = ServerResult::CallToolResult(results::from_error(&error));
        ServerJsonRpcMessage::response(result, id.clone())
    } else {
        ServerJsonRpcMessage::error(ErrorData::internal_error(message, None), Some(id.clone()))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use serde_json::{Value, json};

    use super::*;

    fn request(id: i64, method: &str) -> JsonRpcRequest<ClientRequest> {
        let params = (method == "tools/call").then(|| json!({ "name": "call_module_tool" }));
        serde_json::from_value(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
            .unwrap()
    }

    fn refused(result: Result<(), Box<ServerJsonRpcMessage>>) -> Value {
        serde_json::to_value(result.unwrap_err()).unwrap()
    }

    #[test]
    fn calls_beyond_the_bound_are_refused_and_pings_are_not() {
        let pending = PendingRequests::new(2);
        for id in [1, 2] {
            pending.add(&request(id, "tools/call")).unwrap();
        }
        let answer = refused(pending.add(&request(3, "tools/call")));
        assert_eq!(answer["id"], json!(3));
        assert_eq!(answer["result"]["structuredContent"]["error"]["code"], json!("rate_limited"), "{answer}");
        for id in 0..RESERVED {
            pending.add(&request(10 + i64::try_from(id).unwrap(), "ping")).unwrap();
        }
        let answer = refused(pending.add(&request(4, "ping")));
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(4), &json!(-32603)), "{answer}");
        pending.remove(&RequestId::Number(10));
        pending.add(&request(4, "ping")).unwrap();
    }

    #[test]
    fn an_id_is_used_once_at_a_time() {
        let pending = PendingRequests::new(2);
        pending.add(&request(1, "ping")).unwrap();
        let answer = refused(pending.add(&request(1, "ping")));
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(1), &json!(-32600)), "{answer}");
        assert!(pending.all_done().now_or_never().is_none());
        pending.remove(&RequestId::Number(1));
        assert!(pending.all_done().now_or_never().is_some());
        pending.add(&request(1, "ping")).unwrap();
    }
}
