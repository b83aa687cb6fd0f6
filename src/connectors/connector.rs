//! What a connector does for a call.

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::answer::Answer;
use super::failure::CallFailure;
use crate::broker::Credential;

/// One way to reach a service.
///
/// A connector defines what it has to know of a module, a tool and an account. The registry holds these values, and a
/// connector names no type of the registry.
pub trait Connector {
    /// What a call needs to know of a module.
    type Service;
    /// What a call needs to know of a tool.
    type Operation;
    /// What a call needs to know of an account, besides its credential.
    type Endpoint;

    /// Carries out one operation with `credential`.
    ///
    /// - `arguments` have passed the operation's input schema.
    /// - The call ends at `deadline`. Dropping the future ends its request.
    /// - A write is sent once. The connector retries nothing.
    /// - Neither the answer nor the failure holds a field of `credential`, encoded or not.
    ///
    /// # Errors
    ///
    /// See [`CallFailure`].
    fn call(
        &self,
        service: &Self::Service,
        operation: &Arc<Self::Operation>,
        endpoint: &Self::Endpoint,
        arguments: &Map<String, Value>,
        credential: &Credential,
        deadline: Instant,
    ) -> impl Future<Output = Result<Answer, CallFailure>> + Send;
}
