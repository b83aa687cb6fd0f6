//! Calls of tools over HTTP that are answered without a service of rmcp.
//!
//! For each request without a session, rmcp starts a service with four tasks and two channels, and its parser tries every
//! kind of request in turn. That takes longer than most calls do here. A plain call needs none of it, because this server
//! sends nothing but its response. Every other message is left to rmcp.

use std::pin::Pin;
use std::task::{Context, Poll};

use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestMethod, CallToolRequestParams, CallToolResponse, JsonObject, JsonRpcVersion2_0, RequestId,
    RequestMetaObject, ServerJsonRpcMessage, ServerResult,
};
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::handler::Handler;
use crate::caller::Caller;

/// A call of a tool in a revision with sessions, of which no part needs an explanation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlainCall {
    #[serde(rename = "jsonrpc")]
    _version: JsonRpcVersion2_0,
    id: RequestId,
    #[serde(rename = "method")]
    _method: CallToolRequestMethod,
    params: Params,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    name: String,
    arguments: Option<JsonObject>,
    #[serde(rename = "_meta")]
    meta: Option<RequestMetaObject>,
}

impl PlainCall {
    /// Parses a message. Returns `None` if it is not a plain call.
    pub(crate) fn parse(message: &[u8]) -> Option<Self> {
        let call: Self = serde_json::from_slice(message).ok()?;
        // The metadata of a stateless revision has rules of its own.
        let is_stateless = call.params.meta.as_ref().is_some_and(|meta| meta.protocol_version().is_some());
        (!is_stateless).then_some(call)
    }
}

impl Handler {
    /// Runs a call of `caller` and returns the response, which is that of rmcp.
    ///
    /// Dropping the future cancels the call. What is left of it runs in a task, so that it is logged and counted.
    pub(crate) async fn respond(&self, caller: Caller, call: PlainCall) -> ServerJsonRpcMessage {
        let PlainCall { id, params, .. } = call;
        let mut request = CallToolRequestParams::new(params.name);
        request.arguments = params.arguments;
        let cancel = CancellationToken::new();
        let (handler, cancelled) = (self.clone(), cancel.clone());
        let call = async move { handler.run_meta_tool(&caller, request, None, &cancelled).await };
        match (CancelOnDrop { call: Some(Box::pin(call)), cancel }).await {
            Ok(response) => {
                let mut result = ServerResult::from(response);
                result.strip_result_type_for_legacy_peer();
                ServerJsonRpcMessage::response(result, id)
            }
            Err(error) => ServerJsonRpcMessage::error(error, Some(id)),
        }
    }
}

type Call = dyn Future<Output = Result<CallToolResponse, ErrorData>> + Send;

/// A call that is cancelled when this is dropped before its end.
struct CancelOnDrop {
    /// `None` once it has ended or panicked.
    call: Option<Pin<Box<Call>>>,
    cancel: CancellationToken,
}

impl Future for CancelOnDrop {
    type Output = Result<CallToolResponse, ErrorData>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(mut call) = self.call.take() else { return Poll::Pending };
        let polled = call.as_mut().poll(context);
        if polled.is_pending() {
            self.call = Some(call);
        }
        polled
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else { return };
        self.cancel.cancel();
        // Without a runtime the process is about to end.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(call);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_plain(id: &str, params: &str, more: &str) -> bool {
        let message = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"x"{params}}}{more}}}"#
        );
        PlainCall::parse(message.as_bytes()).is_some()
    }

    #[test]
    fn what_clients_send_is_a_plain_call() {
        for params in [
            "",
            r#","arguments":null"#,
            r#","arguments":{"a":[1.50,{"b":"\u00e9"}]}"#,
            r#","_meta":{"progressToken":1,"client.example/id":"y"},"arguments":{}"#,
        ] {
            assert!(is_plain("1", params, "") && is_plain("\"a\"", params, ""), "{params}");
        }
    }

    #[test]
    fn rmcp_gets_what_it_has_to_check_or_to_explain() {
        for params in [
            r#","arguments":"{}""#,
            r#","arguments":[]"#,
            r#","name":"y""#,
            r#","requestState":"x""#,
            r#","task":{}"#,
            r#","_meta":3"#,
            r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
        ] {
            assert!(!is_plain("1", params, ""), "{params}");
        }
        for (id, more) in [("null", ""), ("1.5", ""), ("1", r#","result":1"#), ("1", r#","id":2"#)] {
            assert!(!is_plain(id, "", more), "{id} {more}");
        }
        assert!(
            PlainCall::parse(br#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"name":"x"}}"#)
                .is_none()
        );
    }
}
