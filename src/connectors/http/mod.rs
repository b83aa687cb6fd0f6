//! The `http` connector: a tool call becomes one HTTP request, and its answer something a model can act on.
//!
//! In reading order: a manifest's tables become [`HttpSettings`] and [`RequestTemplate`]s (`settings`, `request`,
//! `path`, `template`); a template and a call's arguments become a request (`build`), which gets its credential just
//! before it leaves (`credential`); it goes only where it may (`address`, `client`); what comes back is read within
//! bounds and scrubbed (`answer`, `page`; large ones `apart`), or says why it failed (`refusal`, `rate`, `failure`).

mod address;
mod answer;
mod apart;
mod build;
mod check;
mod client;
mod credential;
mod encode;
mod failure;
mod finding;
mod headers;
mod page;
mod path;
mod rate;
mod refusal;
mod request;
mod settings;
mod template;
mod units;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value};
use tokio::time::{Instant, timeout, timeout_at};

pub use address::check_base_url;
pub use answer::Answer;
pub use apart::Apart;
pub use failure::{CallFailure, Outcome};
pub use finding::Finding;
pub use page::PageTable;
pub use request::{BodyFormat, DeclaredArgument, RequestTable, RequestTemplate};
pub use settings::{Arrays, ErrorsTable, HttpSettings, HttpTable, LimitsTable, RateLimitTable};

use crate::broker::Credential;
use crate::connectors::Scrubber;
use crate::registry::{Account, Module, Tool};
use address::GuardedResolver;
use client::{Clients, Exchange};
use credential::Filled;
use page::Page;
use refusal::{ERROR_BYTES, ERROR_TIME, Refusal};

/// The connector: pooled clients for every module that speaks HTTP.
pub struct HttpConnector {
    clients: Clients,
}

impl fmt::Debug for HttpConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConnector").finish_non_exhaustive()
    }
}

impl Default for HttpConnector {
    fn default() -> Self {
        Self::new()
    }
}

/// One call of one tool.
pub struct ToolCall<'a> {
    /// The module.
    pub module: &'a Module,
    /// The tool.
    pub tool: &'a Arc<Tool>,
    /// The account whose credential and address are used.
    pub account: &'a Account,
    /// The arguments; they have passed the tool's schema.
    pub arguments: &'a Map<String, Value>,
    /// Until when the whole answer must be there.
    pub deadline: Instant,
}

impl fmt::Debug for ToolCall<'_> {
    /// Without the arguments: they are nobody's but the caller's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolCall")
            .field("module", &self.module.name)
            .field("tool", &self.tool.name)
            .field("account", &self.account.name)
            .finish_non_exhaustive()
    }
}

impl HttpConnector {
    /// A connector without connections; touches nothing.
    pub fn new() -> Self {
        Self { clients: Clients::new(GuardedResolver::system) }
    }

    #[cfg(test)]
    fn with_resolver(resolver: fn() -> GuardedResolver) -> Self {
        Self { clients: Clients::new(resolver) }
    }

    /// Sends one request with `credential` on it and answers what the service said.
    ///
    /// Nothing is sent twice, but for a read that the service redirects within its own origin. Dropping the future
    /// ends the request.
    ///
    /// # Errors
    ///
    /// See [`CallFailure`].
    pub async fn call(&self, call: &ToolCall<'_>, credential: &Credential) -> Result<Answer, CallFailure> {
        let started = Instant::now();
        let answer = self.carry_out(call, credential).await;
        tracing::debug!(
            module = call.module.name,
            tool = call.tool.name,
            good = answer.is_ok(),
            ms = started.elapsed().as_millis(),
            "called"
        );
        answer
    }

    async fn carry_out(&self, call: &ToolCall<'_>, credential: &Credential) -> Result<Answer, CallFailure> {
        let settings = &call.module.http;
        let filled = Filled::new(&call.module.credential, credential)?;
        let scrubber = Arc::new(filled.scrubber(credential));
        let now = Instant::now();
        let deadline = call.deadline.min(now + settings.limits.timeout);
        if deadline <= now {
            return Err(CallFailure::late(&call.module.title, Outcome::NotSent));
        }
        let Ok(Ok(_permit)) = timeout_at(deadline, settings.permits.acquire()).await else {
            return Err(CallFailure::late(&call.module.title, Outcome::NotSent));
        };
        let exchange = async {
            let built = call.tool.request.build(&call.account.base_url, settings, call.arguments)?;
            let exchange = Exchange {
                clients: &self.clients,
                title: &call.module.title,
                effects: call.tool.effects,
                insecure_http: call.account.insecure_http,
                credential: &filled,
            };
            let (response, url) = exchange.send(&built).await?;
            receive(call, response, &url, &scrubber).await
        };
        let late = CallFailure::late(&call.module.title, Outcome::after_sending(call.tool.effects));
        timeout_at(deadline, exchange)
            .await
            .unwrap_or(Err(late))
            .map_err(|failure| failure.scrubbed(&scrubber))
    }
}

/// Reads an answer, or what its error says.
async fn receive(
    call: &ToolCall<'_>,
    response: reqwest::Response,
    url: &url::Url,
    scrubber: &Arc<Scrubber>,
) -> Result<Answer, CallFailure> {
    let (title, effects, apart) = (&call.module.title, call.tool.effects, &call.module.apart);
    let (settings, scrubber) = (Arc::clone(&call.module.http), Arc::clone(scrubber));
    let (status, headers) = (response.status(), response.headers().clone());
    if !status.is_success() {
        // An error is an error, whether or not all of its words arrive.
        let body = timeout(ERROR_TIME, answer::read(response, ERROR_BYTES)).await;
        let body = body.ok().and_then(Result::ok).flatten();
        let (bytes, service) = (body.as_ref().map_or(0, Vec::len), title.clone());
        let work = move || {
            let refusal =
                Refusal { title: &service, status, headers: &headers, body: body.as_deref(), effects };
            refusal.failure(&settings, &scrubber, SystemTime::now())
        };
        return Err(apart.run(bytes, work).await.unwrap_or_else(|| CallFailure::unread(title, effects)));
    }
    let limit = settings.limits.answer_bytes;
    let body = answer::read(response, limit)
        .await
        .map_err(|error| CallFailure::broken(title, &error, effects))?
        .ok_or_else(|| CallFailure::too_large(title, limit, effects))?;
    let (bytes, links) = (body.len(), client::links(&headers));
    let (tool, url, arguments) = (Arc::clone(call.tool), url.clone(), call.arguments.clone());
    let work = move || {
        let body = answer::value(status, &headers, &body, &scrubber);
        let page = Page {
            url: &url,
            links: &scrubber.text(&links),
            body: &body,
            arguments: &arguments,
            schema: &tool.input_schema,
            query: &tool.request.query,
        };
        let next = settings.page.as_ref().and_then(|style| style.next(&page)).map(|mut next| {
            scrubber.object(&mut next);
            next
        });
        Answer { body, next, bytes }
    };
    apart.run(bytes, work).await.ok_or_else(|| CallFailure::unread(title, effects))
}

#[cfg(test)]
mod tests;
